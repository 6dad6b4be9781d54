"""Redis' clock steps forward or back: what a job may still wait, who sweeps, whose lease ends.

redis/redis#416: ntpdate set the clock forward by days and all timeouts were over at once. yiisoft/yii2-queue#370: a
lock of one second was held for as long as the clock was set back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from scriptqueue.schemas import Progress, Status
from shared.settings import Settings
from shared.store.executions import Claim, Executions, Refused, Report
from shared.store.sweep import Sweeps
from shared.workers import WorkerState
from tests.integration.desk import Desk, claimed

MACHINE = (Path(__file__).parents[1] / "chaos/timemachine.lua").read_text()
HOUR_S = 3600
LEASE_S = 5
PROGRESS = Progress(phase="writing", tokens=7, scenes_done=1, fraction=0.5)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(worker={"lease_s": LEASE_S})


class Clocks:
    """Redis' clock, and the worker's, which never jumps. A sweep that has just been is the last one of both."""

    def __init__(self, records: redis.Redis, settings: Settings) -> None:
        self._records = records
        self._travel = records.register_script(MACHINE)
        self._worker_s = 0.0
        self.worker = Executions(settings, "worker-a", sweeps=Sweeps(settings, lambda: self._worker_s))
        self.sweep()

    def sweep(self) -> None:
        self._records.delete("sq:sweep-lock")
        self.worker.sweep()

    def step(self, by_s: float) -> None:
        self._travel(args=[int(by_s * 1000)])
        if self.worker._sweeps._last_ms is not None:
            self.worker._sweeps._last_ms -= int(by_s * 1000)

    def pass_time(self, seconds: float) -> None:
        self.step(seconds)
        self._worker_s += seconds


@pytest.fixture
def clocks(records: redis.Redis, settings: Settings) -> Clocks:
    return Clocks(records, settings)


def test_a_step_forward_is_no_time_that_a_job_has_waited(desk: Desk, clocks: Clocks) -> None:
    before = desk.submit(queue_timeout_s=60)
    clocks.step(HOUR_S)
    clocks.sweep()
    after = desk.submit(queue_timeout_s=120)
    stepped = desk.job(before).status, desk.job(after).status

    clocks.pass_time(61)
    clocks.sweep()
    a_minute_later = desk.job(before).status, desk.job(after).status
    clocks.pass_time(61)
    clocks.sweep()

    assert stepped == (Status.QUEUED, Status.QUEUED)
    assert a_minute_later == (Status.EXPIRED, Status.QUEUED)
    assert desk.job(after).status is Status.EXPIRED


def test_an_event_is_sent_as_soon_after_a_step_back_as_before(desk: Desk, clocks: Clocks, records: redis.Redis) -> None:
    job_id = desk.submit(webhook={"url": "https://h.example/", "events": ["status"]})
    line, event = "sq:webhook-line:anonymous:h.example", f"{job_id}/1"
    due_ms = records.zscore(line, event)
    assert due_ms is not None

    clocks.step(-HOUR_S)
    clocks.sweep()

    assert records.zscore(line, event) == pytest.approx(due_ms - HOUR_S * 1000, abs=60_000)


def test_two_steps_are_both_forgiven(desk: Desk, clocks: Clocks) -> None:
    job_id = desk.submit(queue_timeout_s=60)

    for _ in range(2):
        clocks.step(HOUR_S)
        clocks.sweep()

    assert desk.job(job_id).status is Status.QUEUED


def test_a_step_is_remembered_for_longer_than_any_job_waits(clocks: Clocks, records: redis.Redis) -> None:
    clocks.step(HOUR_S)
    clocks.sweep()

    assert 7 * 86400 < records.ttl("sq:jumps") <= 8 * 86400


def test_an_hour_in_which_everybody_was_away_is_waited_for(desk: Desk, clocks: Clocks) -> None:
    job_id = desk.submit(queue_timeout_s=60)

    clocks.pass_time(HOUR_S)
    clocks.sweep()

    assert desk.job(job_id).status is Status.EXPIRED


def test_a_deadline_is_a_time_of_day_and_is_not_forgiven(desk: Desk, clocks: Clocks) -> None:
    soon, late = (desk.submit(deadline=datetime.now(UTC) + timedelta(hours=hours)) for hours in (0.5, 3))

    clocks.step(2 * HOUR_S)  # the hour of the queue's timeout, too
    clocks.sweep()

    assert (desk.job(soon).status, desk.job(late).status) == (Status.EXPIRED, Status.QUEUED)
    clocks.step(2 * HOUR_S)
    clocks.sweep()
    assert desk.job(late).status is Status.EXPIRED


@pytest.mark.parametrize(("deadline_h", "is_over"), [(None, False), (0.5, True), (3, False)])
def test_who_claims_before_the_sweep_looked_forgives_a_step_as_it_does(
    desk: Desk, clocks: Clocks, records: redis.Redis, deadline_h: float | None, is_over: bool
) -> None:
    deadline = datetime.now(UTC) + timedelta(hours=deadline_h) if deadline_h else None
    job_id = desk.submit(queue_timeout_s=60, deadline=deadline)
    records.zrem("sq:expiring", job_id)  # of very many a sweep looks at some

    clocks.step(HOUR_S)
    clocks.sweep()
    answer = clocks.worker.claim(job_id)

    assert answer == Refused("expired") if is_over else isinstance(answer, Claim)


def test_a_follower_has_run_no_longer_for_a_step_forward(desk: Desk, clocks: Clocks) -> None:
    leader, follower = (desk.submit(use_cache=True, execution_timeout_s=100) for _ in range(2))
    claim = claimed(clocks.worker, leader)

    clocks.step(HOUR_S)
    clocks.worker.renew([Report(claim, PROGRESS)])
    clocks.sweep()
    stepped = desk.job(follower).status
    clocks.pass_time(101)
    clocks.worker.renew([Report(claim, PROGRESS)])
    clocks.sweep()

    assert (stepped, desk.job(follower).status) == (Status.RUNNING, Status.FAILED)


def test_a_step_forward_that_is_taken_back_is_forgotten(desk: Desk, clocks: Clocks) -> None:
    clocks.step(HOUR_S)
    clocks.sweep()
    clocks.step(-HOUR_S)
    job_id = desk.submit(queue_timeout_s=60)
    clocks.sweep()

    clocks.pass_time(61)
    clocks.sweep()

    assert desk.job(job_id).status is Status.EXPIRED


def test_after_a_step_back_the_next_sweep_comes_within_a_second(
    desk: Desk, clocks: Clocks, records: redis.Redis
) -> None:
    records.set("sq:sweep-lock", "1", px=900)
    clocks.step(-600)
    swept = records.get("sq:swept")

    clocks.worker.sweep()

    assert records.get("sq:swept") != swept
    assert 0 < records.pttl("sq:sweep-lock") <= 900


def test_a_worker_that_died_before_a_step_back_is_lost_a_lease_after_it(
    desk: Desk, clocks: Clocks, settings: Settings
) -> None:
    dead = Executions(settings, "worker-b")
    job_id = desk.submit()
    dead.beat(WorkerState("worker-b", "ready", "test", "cpu", "bf16", slots=1), LEASE_S)
    claimed(dead, job_id)
    clocks.sweep()

    clocks.step(-HOUR_S)
    clocks.sweep()
    stepped = desk.job(job_id).status
    for _ in range(LEASE_S + 1):
        clocks.pass_time(1)
        clocks.sweep()

    assert (stepped, desk.job(job_id).status) == (Status.RUNNING, Status.QUEUED)
    assert desk.do(lambda s: s.queue()).workers == []
