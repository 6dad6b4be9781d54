"""The clock of one host after another jumps by an hour, forth and back, under load: Redis', the API's, a worker's.

Each process is told another time of day by libfaketime; its monotonic clock goes on, as a real one does. Knows where
Debian and Fedora put that library, else SQ_FAKETIME names it; without it the simulator's scripted clocks
(`tests/simulate`) and tests/integration/test_stepping_clocks.py are all there is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.chaos.crowd import Crowd
from tests.chaos.drills import verify
from tests.chaos.report import Report, spread, words
from tests.chaos.stage import Stage

LAYER = "clocks"
HOSTS = ("redis", "api", "first")  # the last is the worker's
JUMPS_S = (3600, 0, -3600, 0)
JOBS, JOB_S = 6, 1.0
DONE_S = 30.0
LIBRARIES = (
    os.environ.get("SQ_FAKETIME", ""),
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
)


def library() -> str | None:
    return next((path for path in LIBRARIES if path and Path(path).exists()), None)


class Clock:
    """Of one host; `variables` are for its processes."""

    def __init__(self, folder: Path, name: str, library: str) -> None:
        self._file = folder / f"{name}.clock"
        self.set(0)
        self.variables = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def shows(self) -> float:
        """Seconds ahead, as a new process sees it."""
        command = [sys.executable, "-c", "import time; print(time.time())"]
        answer = subprocess.run(
            command, env={**os.environ, **self.variables}, capture_output=True, text=True, check=True
        )
        return float(answer.stdout) - time.time()

    def set(self, ahead_s: int) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{ahead_s:+d}\n")
        beside.replace(self._file)


def run(report: Report, folder: Path) -> None:
    if not (path := library()):
        report.check(LAYER, "clocks", lambda: "skipped: libfaketime is not installed")
        return
    folder.mkdir(parents=True, exist_ok=True)
    clocks = {name: Clock(folder, name, path) for name in HOSTS}
    beside = {name: clock.variables for name, clock in clocks.items()}
    with Stage(folder / "stage", beside=beside) as stage, Crowd(stage.api_url, stage.redis_url) as crowd:
        stage.start_api()
        stage.start_worker("first")
        stage.ready(1)
        assert stage.api
        pids = {"redis": stage.redis.pid, "api": stage.api.pid, "first": stage.workers["first"].worker_pid}
        for name, clock in clocks.items():

            def play(name: str = name, clock: Clock = clock) -> str:
                assert path in Path(f"/proc/{pids[name]}/maps").read_text(), "its clock is the machine's"
                ids, took_s = [], []
                for ahead_s in JUMPS_S:
                    ids += [crowd.submit({"seconds": JOB_S}) for _ in range(JOBS)]
                    time.sleep(0.5)
                    clock.set(ahead_s)
                    at = time.monotonic()
                    time.sleep(1.5)  # until each process has looked
                    assert abs(clock.shows() - ahead_s) < 10, "the clock has not jumped"
                    ids += [crowd.submit({"seconds": JOB_S}) for _ in range(JOBS)]
                    crowd.await_done(within_s=DONE_S)
                    took_s.append(time.monotonic() - at)
                verify(crowd)
                again = sum(crowd.jobs[job_id].attempt - 1 for job_id in ids)
                return f"{len(ids)} jobs done, {again} extra runs, after each jump all within {words(spread(took_s))}"

            report.check(LAYER, f"the clock of {name} jumps by an hour, both ways", play)
