"""`make mutants`: machine-made changes of the Lua and of the Python that decides, each on a copy of the tree; the
simulator or the fast tests must notice it.

    --sample N     of all, evenly spread (320)
    --only TEXT    those whose line has this in it
    --list         tells how many there are of each file

Writes bench/results/mutants.json and prints the survivors: a test kills each, or somebody explains it. Exit status 1
under 95 % noticed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.edits import ROOT, Edit, edits

RESULTS = ROOT / "bench/results/mutants.json"
PACKAGES = ("api", "client", "scriptqueue", "shared", "worker", "models", "tests", "pyproject.toml", "docs")
ENOUGH = 0.95
SLOWER = 4  # than the code as it is: then it hangs, which is noticed, too
STORE_TESTS = (
    "test_store_machine", "test_job_store", "test_sharing", "test_pieces", "test_outbox", "test_fair_queue",
    "test_ageing", "test_lost_workers", "test_left_over_doorbells", "test_stepping_clocks", "test_clocks",
    "test_doctor", "test_failures_of_the_hour", "test_task_events", "test_all_or_nothing",
)  # fmt: skip
WORKER_TESTS = ("tests/unit/worker", "tests/integration/worker")


def tests_of(edit: Edit) -> list[str]:
    """The fast tests that may notice it, those of the store first."""
    store = [f"tests/integration/{name}.py" for name in STORE_TESTS]
    return [name for name in WORKER_TESTS if (ROOT / name).exists()] if edit.path.parent.name == "worker" else store


def noticed(edit: Edit, limits_s: dict[str, float], *, applied: bool = True) -> tuple[str, dict[str, float]]:
    """By whom, empty if by nobody, and the seconds that each took. `applied` False: the code as it is."""
    seconds: dict[str, float] = {}
    pytest = ["-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", "not slow"]
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        for name in PACKAGES:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(
                    source, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
                )
            else:
                shutil.copy(source, folder)
        if applied:
            edit.apply(Path(folder))
        for who, command in (("simulator", ["-m", "tests.mutants.notice"]), ("tests", [*pytest, *tests_of(edit)])):
            begun_s = time.monotonic()
            found = _fails(command, folder, limits_s.get(who))
            seconds[who] = time.monotonic() - begun_s
            if found:
                return f"{who}{', by its time' if found == 'hangs' else ''}", seconds
    return "", seconds


def _fails(command: Sequence[str], folder: str, limit_s: float | None) -> str:
    environment = {**os.environ, "PYTHONPATH": folder}
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return "fails" if process.wait(limit_s) else ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)  # with the server that it started
            return "hangs"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--sample", type=int, default=320)
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    all_edits = [edit for edit in edits() if options.only in str(edit)]
    if options.list:
        for path, count in Counter(str(edit.path.relative_to(ROOT)) for edit in all_edits).items():
            print(f"{count:5} {path}")
        print(f"{len(all_edits):5}")
        return 0
    chosen = random.Random(1).sample(all_edits, min(options.sample, len(all_edits)))
    limits_s: dict[str, float] = {}
    for edit in {tests_of(edit)[0]: edit for edit in chosen}.values():
        who, seconds = noticed(edit, {}, applied=False)
        if who:
            print(f"the {who} fails on the code as it is")
            return 2
        limits_s = {name: max(limits_s.get(name, 0), SLOWER * took) for name, took in seconds.items()}
    rows = []
    with ThreadPoolExecutor(2) as pool:
        for edit, (who, seconds) in zip(chosen, pool.map(lambda edit: noticed(edit, limits_s), chosen), strict=True):
            took_s = round(sum(seconds.values()), 1)
            print(f"{who or 'SURVIVES'} ({took_s} s): {edit}", flush=True)
            rows.append({"edit": str(edit), "noticed_by": who, "seconds": took_s})
    share = sum(bool(row["noticed_by"]) for row in rows) / len(rows)
    print(f"{share:.1%} of {len(rows)} noticed; {len(all_edits)} could be made")
    if not options.only:
        RESULTS.write_text(
            json.dumps({"could_be_made": len(all_edits), "noticed": share, "mutants": rows}, indent=1) + "\n"
        )
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
