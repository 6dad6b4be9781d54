"""The shortest drills that show a broken promise on real processes: what the mutants are tried on.

A short lease and two workers without supervisors, so that only the store's own repairs can help.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from shared.rings import broker_lists
from tests.chaos.crowd import Crowd
from tests.chaos.drills import verify
from tests.chaos.report import Report
from tests.chaos.stage import Stage, until

LAYER = "short"
LEASE_S = 2.0
DONE_S = 25.0


def long_jobs(stage: Stage, crowd: Crowd) -> None:
    """Longer than a lease: they end in their first attempt, or heartbeats are worth nothing."""
    ids = [crowd.submit({"seconds": 2.5 * LEASE_S}) for _ in range(4)]
    crowd.await_done(ids, DONE_S)
    assert {crowd.jobs[job_id].attempt for job_id in ids} == {1}, "they ran more than once"


def busy(crowd: Crowd) -> list[str]:
    ids = [crowd.submit({"hang": True}, expected=["canceled"]) for _ in range(16)]
    crowd.await_running(ids)
    return ids


def doubled(stage: Stage, crowd: Crowd) -> None:
    hanging = busy(crowd)
    ids = [crowd.submit({"seconds": 0.3}) for _ in range(12)]
    for name in broker_lists():
        for message in stage.direct.lrange(name, 0, -1):
            stage.direct.lpush(name, message)
    for job_id in hanging:
        crowd.cancel(job_id)
    crowd.await_done(within_s=DONE_S)
    time.sleep(1)  # what else was rung
    assert {crowd.jobs[job_id].attempt for job_id in ids} == {1}, "they ran more than once"


def doorbells(stage: Stage, crowd: Crowd) -> None:
    hanging = busy(crowd)
    for _ in range(5):
        crowd.submit()
    stage.direct.delete(*broker_lists())
    for job_id in hanging:
        crowd.cancel(job_id)


def on_first(stage: Stage, crowd: Crowd) -> list[str]:
    """Jobs on both workers, some of them on the first."""
    ids = [crowd.submit({"seconds": LEASE_S}) for _ in range(12)]
    key = f"sq:held:{stage.workers['first'].worker_name}"
    until(lambda: int(stage.direct.scard(key)) >= 2, 20, "jobs run on the first")
    return ids


def frozen(stage: Stage, crowd: Crowd) -> None:
    ids = on_first(stage, crowd)
    stage.workers["first"].send(signal.SIGSTOP)
    try:
        crowd.await_done(ids, DONE_S)
    finally:
        stage.workers["first"].send(signal.SIGCONT)
    time.sleep(3)  # its late answers come


def killed(stage: Stage, crowd: Crowd) -> None:
    on_first(stage, crowd)
    stage.workers["first"].send(signal.SIGKILL)


DRILLS: dict[str, Callable[[Stage, Crowd], None]] = {
    "jobs longer than a lease": long_jobs,
    "doubled doorbells": doubled,
    "lost doorbells": doorbells,
    "a worker frozen and woken": frozen,
    "a worker killed": killed,
}


def run(report: Report, folder: Path) -> None:
    with Stage(folder, lease_s=LEASE_S) as stage, Crowd(stage.api_url, stage.redis_url) as crowd:
        stage.start_api()
        stage.watch()
        stage.start_worker("first", supervised=False)
        stage.start_worker("second", supervised=False)
        stage.ready(2)

        def checked(play: Callable[[Stage, Crowd], None]) -> str:
            play(stage, crowd)
            crowd.await_done(within_s=DONE_S)
            verify(crowd)
            return "kept"

        for fault, play in DRILLS.items():
            report.check(LAYER, fault, partial(checked, play))
            if report.violations:  # one is enough, and a broken service is slow
                return


def main() -> int:
    report = Report()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        run(report, Path(folder))
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
