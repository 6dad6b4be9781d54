"""How many jobs ended in the last hour, how, and of what they failed: each once, whoever ended it. On a real Redis."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import redis

from shared.errors import ExecutionTimeout, JobError, OutOfMemory, OutputInvalid
from shared.settings import Settings
from shared.store.executions import Executions
from shared.store.record import failure_of
from tests.integration.desk import MODEL, Desk, claimed, lapse, success, sweep_as_if_alone


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(worker={"lease_s": 0.5})


def failures(desk: Desk) -> dict[str, int]:
    return dict(desk.do(lambda s: s.queue()).failures)


def fail(desk: Desk, worker: Executions, error: JobError) -> None:
    worker.fail(claimed(worker, desk.submit()), failure_of(error), MODEL)


def lose_for_ever(desk: Desk, worker: Executions, redis_url: str, **request: Any) -> None:
    job_id = desk.submit(**request)
    desk.submit(**request)
    for _ in range(8):
        claimed(worker, job_id)
        lapse(job_id, redis_url)
        sweep_as_if_alone(worker, redis_url)


def test_each_code_is_counted_apart(desk: Desk, worker: Executions) -> None:
    for error in (OutputInvalid("x"), ExecutionTimeout(), OutputInvalid("y"), OutOfMemory()):
        fail(desk, worker, error)

    assert failures(desk) == {"output_invalid": 2, "timeout": 1, "out_of_memory": 1}


def test_a_failure_that_is_written_twice_counts_once(desk: Desk, worker: Executions) -> None:
    claim = claimed(worker, desk.submit())
    for _ in range(2):
        worker.fail(claim, failure_of(OutputInvalid("x")), MODEL)

    assert failures(desk) == {"output_invalid": 1}


@pytest.mark.parametrize(("use_cache", "failed"), [(False, 1), (True, 2)], ids=["alone", "with its follower"])
def test_what_the_sweep_gives_up_is_counted_with_all_that_fail_with_it(
    desk: Desk, worker: Executions, redis_url: str, use_cache: bool, failed: int
) -> None:
    lose_for_ever(desk, worker, redis_url, use_cache=use_cache)

    assert failures(desk) == {"worker_lost": failed}


def test_a_follower_whose_time_is_up_is_counted(
    desk: Desk, worker: Executions, redis_url: str, records: redis.Redis
) -> None:
    leader, follower = (desk.submit(use_cache=True) for _ in range(2))
    claimed(worker, leader)
    records.zadd("sq:expiring", {follower: 1})
    sweep_as_if_alone(worker, redis_url)

    assert failures(desk) == {"timeout": 1}


def test_what_ends_otherwise_is_no_failure(
    desk: Desk, worker: Executions, redis_url: str, records: redis.Redis
) -> None:
    worker.succeed(claimed(worker, desk.submit()), success())
    desk.cancel(desk.submit())
    records.zadd("sq:expiring", {desk.submit(): 1})
    sweep_as_if_alone(worker, redis_url)

    assert failures(desk) == {}


def test_every_end_of_a_job_is_counted_in_its_minute(
    desk: Desk, worker: Executions, redis_url: str, records: redis.Redis
) -> None:
    first, _ = desk.submit(use_cache=True), desk.submit(use_cache=True)
    worker.succeed(claimed(worker, first), success())
    fail(desk, worker, OutputInvalid("x"))
    desk.cancel(desk.submit())
    records.zadd("sq:expiring", {desk.submit(): 1})
    sweep_as_if_alone(worker, redis_url)

    ended: Counter[str] = Counter()
    for minute in desk.do(lambda s: s.queue()).minutes.values():
        ended.update(minute)

    assert ended == {
        "succeeded": 2,
        "cache:shared": 1,
        "failed": 1,
        "failed:output_invalid": 1,
        "canceled": 1,
        "expired": 1,
    }


def test_an_hour_is_sixty_minutes_and_nothing_is_kept_longer(
    desk: Desk, worker: Executions, records: redis.Redis
) -> None:
    fail(desk, worker, OutputInvalid("x"))
    (key,) = records.scan_iter("sq:minute:*")
    minute = int(key.rpartition(":")[2])
    records.hset(f"sq:minute:{minute - 58}", "failed:timeout", 3)  # a minute may pass meanwhile
    records.hset(f"sq:minute:{minute - 60}", "failed:timeout", 5)

    counted = failures(desk)

    assert counted == {"output_invalid": 1, "timeout": 3}
    assert abs(minute - time.time() / 60) < 2
    assert 3500 < records.ttl(key) <= 3600
    records.delete(f"sq:minute:{minute - 58}", f"sq:minute:{minute - 60}")
