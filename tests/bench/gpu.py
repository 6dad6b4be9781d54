"""`make bench-gpu`: the engine on one GPU at ChatGLM3-6B's shape with random weights, beside what else one could run.

Needs the repository, one GPU and no network; says which packages are absent and measures what it can without them.
Each figure stands beside the limit that the card's own copy bandwidth sets. Without a GPU, or with `--tiny`, the same
paths run at a tiny shape and every figure is printed as `not measured`.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import time
from pathlib import Path

from tests.bench.gpu_sheet import Sheet

RESULTS = Path(__file__).parents[2] / "bench" / "results"
BUDGET_S = 510.0


def main() -> int:
    """Exit 0 if the run came to its end, whatever it could measure; 1 if it was cut off or there is no torch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=_integers, help="streams, e.g. 1,8,32,64,128")
    parser.add_argument("--rates", type=_numbers, help="jobs a second that arrive, e.g. 1,4,12")
    parser.add_argument("--budget-s", type=float, default=BUDGET_S, help="no phase begins that would end later")
    parser.add_argument("--grace-s", type=float, default=15.0, help="after the budget a phase that hangs is cut off")
    parser.add_argument("--only", type=_prefixes, default=[], help="phases whose first figure begins so: engine_,host_")
    parser.add_argument("--tiny", action="store_true", help="the same paths at a tiny shape; measures nothing")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"  # transformers would look for attention kernels on the Hub
    try:
        import torch
    except ImportError:
        print("every figure: not measured (torch is not installed)")
        return 1
    from tests.bench.gpu_bench import Bench
    from tests.bench.gpu_card import about, lacking
    from tests.bench.gpu_plan import Plan

    gpu = torch.cuda.is_available()
    tiny = arguments.tiny or not gpu
    if tiny:
        torch.set_num_threads(1)
    sizes = arguments.sizes or ([1, 2] if tiny else [1, 8, 32, 64, 128])
    rates = arguments.rates or ([50.0] if tiny else [1.0, 4.0, 12.0])
    name = "tiny" if tiny else re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name(0).lower())
    sheet = Sheet(arguments.out / f"gpu-{name}.json", gpu and not tiny, arguments.budget_s, {})
    bench = Bench(sheet, tiny)
    command = " ".join(["python -m tests.bench.gpu", *sys.argv[1:]])
    sheet.about |= {"command": command} | about(bench.device, bench.shape)
    _quiet()
    absent = lacking()
    phases = Plan(bench, sizes, rates).phases()
    if arguments.only:
        phases = [phase for phase in phases if phase.names[0].startswith(tuple(arguments.only))]
    sheet.plan(phases)
    timer = sheet.stop_the_process_at_the_end(arguments.grace_s)
    for phase in phases:
        begun = time.monotonic()
        sheet.take(phase, absent)
        print(f"{time.monotonic() - begun:5.1f} s  {sheet.line(phase)}", flush=True)
    timer.cancel()
    for line in absent.values():
        print(line)
    print(f"card: {sheet.about['card'] or 'none, so the paths ran at a tiny shape'}; {sheet.path.name}")
    print(sheet.table())
    return 0


def _quiet() -> None:
    """The libraries' hints are not about this run. Our own words are: which attention runs, and why not another."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    for ours in ("models", "worker"):
        logging.getLogger(ours).setLevel(logging.INFO)
    try:
        from transformers.utils import logging as transformers_logging
    except ImportError:
        return
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def _integers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _prefixes(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
