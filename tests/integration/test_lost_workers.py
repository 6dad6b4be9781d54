"""What becomes of jobs whose worker is gone: blame, suspects, the dead. On a real Redis, through the store alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from scriptqueue.schemas import Status
from shared.settings import Settings
from shared.store.executions import Claim, Executions, Refused
from shared.workers import WorkerState
from tests.integration.desk import Desk, claimed, lapse, success, sweep_as_if_alone

STATE = WorkerState("worker-a", "ready", "test", "cpu", "bf16", slots=8)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(worker={"lease_s": 0.5})


def blame(records: redis.Redis, job_id: str) -> tuple[int, int]:
    crashes, lapses = records.hmget(f"sq:job:{job_id}", "crashes", "lapses")
    return int(crashes or 0), int(lapses or 0)


def crash(worker: Executions, job_id: str) -> None:
    claimed(worker, job_id)
    worker.release("crashes")


def test_what_ran_on_a_dead_worker_waits_again_and_the_rest_is_left_alone(
    desk: Desk, worker: Executions, rival: Executions
) -> None:
    mine, theirs = desk.submit(), desk.submit()
    old = claimed(worker, mine)
    kept = claimed(rival, theirs)

    rings = worker.release("lapses")

    assert [(ring.job_id, ring.priority) for ring in rings] == [(mine, "high")]
    assert desk.job(mine).status is Status.QUEUED
    assert worker.succeed(old, success()) == "stale"
    assert rival.succeed(kept, success()) == "succeeded"
    assert worker.release("lapses") == []


def test_a_dead_worker_is_off_the_list_at_once_and_leaves_nothing(
    desk: Desk, worker: Executions, records: redis.Redis
) -> None:
    worker.beat(STATE, ttl_s=60)
    claimed(worker, desk.submit())
    worker.release("lapses")

    assert desk.do(lambda s: s.queue()).workers == []
    assert records.keys(f"sq:*{worker.worker}*") == []


def test_a_job_being_canceled_on_a_dead_worker_is_canceled(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()
    claimed(worker, job_id)
    desk.cancel(job_id)

    assert worker.release("crashes") == []
    assert desk.job(job_id).status is Status.CANCELED


@pytest.mark.parametrize(("kind", "expected"), [("crashes", (1, 0)), ("lapses", (0, 1)), ("none", (0, 0))])
def test_the_record_keeps_the_blame(
    desk: Desk, worker: Executions, records: redis.Redis, kind: Any, expected: tuple[int, int]
) -> None:
    job_id = desk.submit()
    claimed(worker, job_id)
    worker.release(kind)

    assert blame(records, job_id) == expected


def test_a_job_that_crashes_its_worker_thrice_fails_as_worker_lost(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()
    for _ in range(3):
        assert desk.job(job_id).status is Status.QUEUED
        crash(worker, job_id)

    job = desk.job(job_id)
    assert (job.status, job.attempt) == (Status.FAILED, 3)
    assert job.error is not None
    assert job.error.code == "worker_lost"


def test_a_job_that_is_only_killed_fails_after_eight_losses(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()
    for _ in range(8):
        assert desk.job(job_id).status is Status.QUEUED
        claimed(worker, job_id)
        worker.release("lapses")

    assert desk.job(job_id).status is Status.FAILED


def test_restarts_that_drain_never_fail_a_job(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()
    for _ in range(20):
        worker.give_back(claimed(worker, job_id))
        claimed(worker, job_id)
        worker.release("none")

    assert desk.job(job_id).status is Status.QUEUED


@pytest.mark.parametrize("lapses", [1, 2])
def test_a_heartbeat_that_was_only_late_takes_the_blame_back_once(
    desk: Desk, worker: Executions, rival: Executions, records: redis.Redis, redis_url: str, lapses: int
) -> None:
    job_id = desk.submit()
    for _ in range(lapses):
        claimed(worker, job_id)
        lapse(job_id, redis_url)
        sweep_as_if_alone(rival, redis_url)
    before = blame(records, job_id)
    claimed(rival, job_id)

    worker.beat(STATE, ttl_s=60)
    worker.beat(STATE, ttl_s=60)

    assert (before, blame(records, job_id)) == ((0, lapses), (0, lapses - 1))


def test_a_late_heartbeat_revives_no_record_that_is_gone(
    desk: Desk, worker: Executions, rival: Executions, records: redis.Redis, redis_url: str
) -> None:
    job_id = desk.submit()
    claimed(worker, job_id)
    lapse(job_id, redis_url)
    sweep_as_if_alone(rival, redis_url)
    records.delete(f"sq:job:{job_id}")

    worker.beat(STATE, ttl_s=60)

    assert not records.exists(f"sq:job:{job_id}")


def test_a_suspect_waits_until_its_worker_has_nothing_else(desk: Desk, worker: Executions, rival: Executions) -> None:
    suspect, first, second = desk.submit(), desk.submit(), desk.submit()
    crash(worker, suspect)
    crash(worker, suspect)
    busy = claimed(worker, first)

    assert worker.claim(suspect) == Refused("wait")
    assert worker.claim(second) == Refused("wait")  # else it would wait for ever on a busy worker
    worker.succeed(busy, success())
    alone = claimed(worker, suspect)
    assert worker.claim(second) == Refused("wait")
    assert isinstance(rival.claim(second), Claim)
    worker.succeed(alone, success())
    assert isinstance(worker.claim(desk.submit()), Claim)


def test_three_lapses_make_a_suspect_too(desk: Desk, worker: Executions) -> None:
    suspect, other = desk.submit(), desk.submit()
    for _ in range(3):
        claimed(worker, suspect)
        worker.release("lapses")
    claimed(worker, other)

    assert worker.claim(suspect) == Refused("wait")


def test_a_suspect_that_goes_elsewhere_blocks_nobody(
    desk: Desk, worker: Executions, rival: Executions, records: redis.Redis
) -> None:
    suspect, first, second = desk.submit(), desk.submit(), desk.submit()
    crash(worker, suspect)
    crash(worker, suspect)
    claimed(worker, first)
    worker.claim(suspect)
    claimed(rival, suspect)

    assert worker.claim(suspect) == Refused("running")
    assert 0 < records.pttl("sq:alone:worker-a") <= 2000
    records.delete("sq:alone:worker-a")  # as after two seconds
    assert isinstance(worker.claim(second), Claim)


@pytest.mark.parametrize("max_attempts", [1, 2, 3, 5])
def test_neighbours_of_a_poison_always_finish(make_settings: Callable[..., Settings], max_attempts: int) -> None:
    settings = make_settings(worker={"max_attempts": max_attempts})
    desk, worker = Desk(settings), Executions(settings, "worker-a")
    poison = desk.submit()
    neighbours = [desk.submit() for _ in range(6)]

    for _ in range(30):
        claims = [claim for job_id in (*neighbours, poison) if isinstance(claim := worker.claim(job_id), Claim)]
        if any(claim.job_id == poison for claim in claims):
            worker.release("crashes")
        else:
            for claim in claims:
                worker.succeed(claim, success())

    assert desk.job(poison).status is Status.FAILED
    assert {desk.job(job_id).status for job_id in neighbours} == {Status.SUCCEEDED}


def test_nothing_is_left_of_jobs_that_ended(
    desk: Desk, worker: Executions, rival: Executions, records: redis.Redis
) -> None:
    for end in ("succeed", "release", "suspect"):
        job_id = desk.submit()
        if end == "suspect":
            crash(rival, job_id)
            crash(rival, job_id)
        claim = claimed(worker, job_id)
        if end == "release":
            worker.release("none")
            claim = claimed(rival, job_id)
            rival.succeed(claim, success())
        else:
            worker.succeed(claim, success())

    assert [key for key in records.scan_iter("sq:*") if key.startswith(("sq:held", "sq:alone", "sq:running"))] == []
