"""`make mutants`: machine-made changes of the Lua and of the Python that decides, each on a copy of the tree; the
simulator or the fast tests must notice it.

    --sample N     so many (360): those of the table, then others, drawn
    --only TEXT    of those whose row has this in it
    --again        those that nothing noticed the last time, after more tests; or that the last time did not come to
    --list         tells how many there are of each file

Writes bench/results/mutants.json, row by row, and prints the survivors: a test kills each, or explained.toml says why
nobody could see it, and it is not drawn again. What noticed an edit the last time is asked first. Exit status 1 under
95 % noticed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tests.mutants.edits import ROOT, Edit, edits, explained

RESULTS = ROOT / "bench/results/mutants.json"
PACKAGES = ("api", "client", "scriptqueue", "shared", "worker", "models", "tests", "pyproject.toml", "docs", "deploy")
Rows = dict[str, dict[str, Any]]  # by edit: what noticed it, empty if nothing has, and how long that took
ENOUGH = 0.95
AT_ONCE = 2
LAST = "test of the last time"
ENDS = "it ends"
SLOWER = 4  # than the code as it is: then it hangs, which is noticed, too
# Most changes are noticed by the tests about the changed file, or by these, of a second or two together.
QUICK_TESTS = (
    "test_clocks", "api/test_key_first", "test_outbox", "test_failures_of_the_hour", "test_ageing", "api/test_cancel",
    "api/test_crowding", "api/test_sharing_http", "api/test_dead", "api/test_delete", "test_task_events",
    "api/test_notes", "test_lost_workers", "test_doctor", "test_named_models",
)  # fmt: skip
STORE_TESTS = (
    "test_stepping_clocks", "api/test_batches", "api/test_store_came_back_empty", "api/test_metrics",
    "api/test_idempotency", "api/test_list", "api/test_deliveries", "api/test_events", "api/test_admission",
    "test_left_over_doorbells", "test_all_or_nothing", "api/test_submit", "test_job_store", "test_fair_queue",
    "test_pieces", "test_sharing", "api/test_retry", "test_store_machine", "api/test_read", "test_replication",
    "api/test_takes_http", "api/test_webhooks",
)  # fmt: skip
ABOUT = {
    "admission": ("api/test_admission",),
    "batch": ("api/test_batches",),
    "beat": ("test_lost_workers", "test_doctor"),
    "cancel": ("test_job_store",),
    "claim": ("test_job_store", "test_left_over_doorbells"),
    "dead": ("api/test_dead",),
    "delete": ("api/test_delete",),
    "deliveries": ("api/test_deliveries",),
    "event_log": ("api/test_events",),
    "events": ("api/test_events",),
    "executions": ("test_job_store",),
    "finish": ("test_job_store",),
    "journal": ("test_all_or_nothing", "test_restricted_users"),
    "list": ("api/test_list",),
    "outbox": ("test_outbox", "api/test_webhooks"),
    "poison": ("test_pieces", "api/test_dead"),
    "prelude": ("test_job_store",),
    "queue": ("api/test_read", "test_job_store"),
    "renew": ("test_job_store",),
    "settle": ("api/test_deliveries",),
    "sharing": ("test_sharing", "api/test_sharing_http"),
    "submissions": ("api/test_submit", "test_replication"),
    "submit": ("api/test_idempotency", "api/test_admission", "test_job_store", "api/test_batches"),
    "sweep": ("test_stepping_clocks", "test_job_store"),
    "take": ("test_outbox", "api/test_webhooks"),
    "takes": ("api/test_takes_http",),
    "tasks": ("test_task_events",),
    "turns": ("test_fair_queue", "api/test_crowding"),
    "withdraw": ("test_replication",),
}
QUICK_WORKER_TESTS = ("../test_one_doorbell", "../test_lost_lease")
WORKER_TESTS = (
    "test_candidates_at_work", "test_scenes", "test_alive", "test_hold", "test_failing_models", "test_zygote",
    "test_stub_worker", "test_failing_starts", "test_out_of_time_at_work", "test_quarantine", "test_sharing_at_work",
    "test_celerys_commands", "test_worker_metrics", "test_supervisor", "test_watchdog_process", "test_full_redis",
)  # fmt: skip
ABOUT_WORKERS = {
    "supervisor": ("test_supervisor", "test_failing_starts"),
    "watchdog": ("test_watchdog_process",),
    "life": ("test_stub_worker", "test_failing_starts", "test_model_worker"),
}


def tests_of(edit: Edit) -> tuple[list[str], list[str]]:
    """The fast tests that may notice it: those that most likely do, and the others."""
    name, of_worker = edit.path.stem, edit.path.parent.name == "worker"
    folder = "tests/integration/worker" if of_worker else "tests/integration"
    about, quick, others = (
        (ABOUT_WORKERS, QUICK_WORKER_TESTS, WORKER_TESTS) if of_worker else (ABOUT, QUICK_TESTS, STORE_TESTS)
    )
    units = [f"tests/unit/test_{name}.py"] if (ROOT / f"tests/unit/test_{name}.py").exists() else []
    likely = units + [f"{folder}/{each}.py" for each in dict.fromkeys((*about.get(name, ()), *quick))]
    return likely, [file for each in others if (file := f"{folder}/{each}.py") not in likely]


class Copies:
    """Copies of the tree, one for each run at a time; what Python compiled in one serves its next edit."""

    def __init__(self, folder: Path, count: int) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        for number in range(count):
            copy = folder / str(number)
            copy.mkdir()
            for name in PACKAGES:
                source = ROOT / name
                if source.is_dir():
                    shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
                else:
                    shutil.copy(source, copy)
            self._free.put(copy)

    def noticed(
        self, edit: Edit, limits_s: dict[str, float], first: str = "", *, applied: bool = True
    ) -> tuple[str, dict[str, float]]:
        """By what, empty if by nothing, and the seconds that each took. `first`: the test to begin with; `applied`
        False: the code as it is."""
        copy = self._free.get()
        try:
            if applied:
                edit.apply(copy)
            return _noticed(edit, copy, limits_s, first)
        finally:
            edit.undo(copy)
            self._free.put(copy)


def _noticed(edit: Edit, copy: Path, limits_s: dict[str, float], first: str) -> tuple[str, dict[str, float]]:
    seconds: dict[str, float] = {}
    unused = [word for plugin in ("randomly", "cacheprovider", "schemathesis") for word in ("-p", f"no:{plugin}")]
    pytest = ["-m", "pytest", "-q", "-x", *unused, "-m", "not slow"]
    likely, others = tests_of(edit)
    for who, command in (
        *([(LAST, [*pytest, first])] if first else ()),
        ("simulator", ["-m", "tests.mutants.notice"]),
        ("likely tests", [*pytest, *likely]),
        ("tests", [*pytest, *others]),
    ):
        begun_s = time.monotonic()
        found = _fails(command, copy, limits_s.get("likely tests" if who == LAST else who))
        seconds[who] = time.monotonic() - begun_s
        if found and (who, found) != (LAST, ENDS):  # a test that is not there any more notices nothing
            return f"{'tests' if who == LAST else who}: {found}", seconds
    return "", seconds


def noticed_by(report: str) -> str:
    """The test in a row's words, with all of its parameters; empty: it was none."""
    found = re.match(r"(?:likely )?tests: (tests/\S+?\.py::\w+)", report)
    return found[1] if found else ""


def drawn(names: Sequence[str], table: Mapping[str, object], count: int) -> list[str]:
    """Those that the table has, then others by their hashes: when one is explained, no more changes than that one."""
    return sorted(names, key=lambda name: (name not in table, hashlib.sha256(name.encode()).digest()))[:count]


def _fails(command: Sequence[str], folder: Path, limit_s: float | None) -> str:
    """What it says of its failure; empty: it passes."""
    printed = folder / "printed"
    with (
        printed.open("w") as output,
        subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": ""},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            if process.wait(limit_s) == 0:
                return ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)  # with the server that it started
            return "by its time"
    failure = re.search(
        r"^(?:(?:FAILED|ERROR) (?=tests/)|FAIL )(.+)", printed.read_text(errors="replace"), re.MULTILINE
    )
    return failure[1][:160] if failure else ENDS


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--sample", type=int, default=360)
    parser.add_argument("--only", default="")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    unseen = explained()
    all_edits = {name: edit for name, edit in edits().items() if options.only in name and edit.named not in unseen}
    if options.list:
        for path, count in Counter(str(edit.path.relative_to(ROOT)) for edit in all_edits.values()).items():
            print(f"{count:5} {path}")
        print(f"{len(all_edits):5}")
        return 0
    table: Rows = json.loads(RESULTS.read_text())["mutants"] if RESULTS.exists() else {}
    untried = {"noticed_by": "", "seconds": 0.0}
    rows = {
        name: table.get(name, untried) if options.again else untried
        for name in drawn([*all_edits], table, options.sample)
    }
    chosen = {name: all_edits[name] for name, row in rows.items() if not row["noticed_by"]}
    begun_s = time.monotonic()
    limits_s: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        copies = Copies(Path(folder), AT_ONCE)
        of_each = {edit.path.parent.name == "worker": edit for edit in chosen.values()}.values()
        for who, seconds in pool.map(lambda edit: copies.noticed(edit, {}, applied=False), of_each):
            if who:
                print(f"the {who} fails on the code as it is")
                return 2
            seconds["tests"] += seconds["likely tests"]  # which are others for each file
            seconds["likely tests"] = seconds["tests"]
            limits_s = {name: max(limits_s.get(name, 0), SLOWER * took) for name, took in seconds.items()}
        first = {name: noticed_by(table.get(name, untried)["noticed_by"]) for name in chosen}
        found = pool.map(lambda name: copies.noticed(chosen[name], limits_s, first[name]), chosen)
        for name, (who, seconds) in zip(chosen, found, strict=True):
            took_s = round(sum(seconds.values()), 1)
            print(f"{who or 'SURVIVES'} ({took_s} s): {name}", flush=True)
            rows[name] = {"noticed_by": who, "seconds": took_s}
            if not options.only:
                results = {"could_be_made": len(all_edits), "noticed": _share(rows), "mutants": rows}
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    share, minutes = _share(rows), (time.monotonic() - begun_s) / 60
    print(f"{share:.1%} of {len(rows)} noticed, {minutes:.0f} min; {len(all_edits)} could be made")
    return 0 if share >= ENOUGH else 1


def _share(rows: Rows) -> float:
    """Of those that were noticed; one that was not tried yet was not."""
    return sum(bool(row["noticed_by"]) for row in rows.values()) / len(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
