"""`make quality`: 60 prompts through the engine, 20 of them through the same model alone, and what the texts are worth.

`ARGS="--model NAME --weight-bits 8 --label eight"` measures another model or precision under another label;
`ARGS="--compare latest eight"` prints two runs side by side and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from shared.settings import Settings
from tests.bench.report import PACKAGES, hardware
from tests.quality import report
from tests.quality.columns import SIDE_BY_SIDE, Written, by_engine, plainly
from tests.quality.prompts import of_plain, prompts
from worker.backend.model import ModelBackend


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make quality", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="embedded", help="a name that `python -m models list` knows, or a folder")
    parser.add_argument("--weight-bits", help="of the weights; left out: MODEL__WEIGHT_BITS's default")
    parser.add_argument("--dtype", help="left out: MODEL__DTYPE's default")
    parser.add_argument("--prompts", type=int, default=60, help="so many of the prompts, the first ones")
    parser.add_argument("--seeds", default="1", help="separated by commas; each prompt is written with each")
    parser.add_argument("--request", type=json.loads, default={}, help='JSON, of all: {"outline": true}')
    parser.add_argument("--label", default="latest", help="the run's name in bench/results/quality.json")
    parser.add_argument("--no-plain", action="store_true", help="leave out the column without the engine")
    parser.add_argument("--compare", nargs=2, metavar=("BEFORE", "AFTER"), help="labels of two runs that were kept")
    return parser.parse_args()


def compare(before: str, after: str) -> None:
    runs = report.read()
    if unknown := {before, after} - set(runs):
        sys.exit(f"no such run: {', '.join(sorted(unknown))}; kept: {', '.join(runs)}")
    old, new = runs[before], runs[after]
    for label, run in ((before, old), (after, new)):
        print(f"{label}: {run['model']}, {run['weight_bits']} bits, {run['dtype']}, seeds {run['seeds']}")
    report.show("", report.compared((before, after), old["boards"]["engine"], new["boards"]["engine"]))


def settings_of(options: argparse.Namespace) -> Settings:
    folder = Path(options.model)
    model = {"path": folder} if folder.is_dir() else {"name": options.model}
    given = {"weight_bits": options.weight_bits, "dtype": options.dtype}
    return Settings(
        model=model | {key: value for key, value in given.items() if value is not None},
        worker={"max_batch": SIDE_BY_SIDE},
    )


def measure(options: argparse.Namespace) -> None:
    seeds = [int(seed) for seed in options.seeds.split(",")]
    every = [replace(prompt, request={**prompt.request, **options.request}) for prompt in prompts()]
    chosen = every[: options.prompts]
    started = time.monotonic()
    backend = ModelBackend.load(settings_of(options))
    columns: dict[str, list[Written]] = {}
    jobs = [(prompt, seed) for seed in seeds for prompt in chosen]
    columns["engine"] = by_engine(backend, jobs, {prompt.id for prompt in of_plain(chosen)})
    if not options.no_plain:
        columns["plain"] = [w for seed in seeds for w in plainly(backend, [(p, seed) for p in of_plain(chosen)])]
    info = backend.model_info(None)
    about = {
        "model": info.name,
        "weight_bits": info.weight_bits,
        "dtype": info.dtype,
        "seeds": seeds,
        **({"request": options.request} if options.request else {}),
        "hardware": hardware(),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES[:3]}},
        "took_s": round(time.monotonic() - started),
    }
    runs = report.keep(report.run_of(about, columns), options.label)
    run = runs[options.label]
    if options.label == "latest":
        report.write_page(run, columns["engine"])
    report.show(f"{about['model']}, {len(columns['engine'])} boards in {about['took_s']} s", report.table_of(run))
    if options.label == "latest" and "before" in runs:
        compare("before", "latest")


if __name__ == "__main__":
    given = arguments()
    if given.compare:
        compare(*given.compare)
    else:
        measure(given)
