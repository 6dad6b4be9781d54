"""A job that has waited long is rung as one of a higher priority, so that a stream of those never starves it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from shared.rings import broker_lists
from shared.settings import Settings
from shared.store.executions import Executions
from tests.integration.desk import Desk, sweep_as_if_alone

Waited = Callable[[str, float], None]


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture
def waited(redis_url: str) -> Waited:
    """`waited(job_id, seconds)`: the job was submitted so long ago; its doorbell still waits in its list."""

    def set_back(job_id: str, seconds: float) -> None:
        with redis.Redis.from_url(redis_url) as client:
            for name in broker_lists():
                client.lpush(name, "a doorbell that still waits")
            client.hset(f"sq:job:{job_id}", "created", int((time.time() - seconds) * 1000))

    return set_back


@pytest.fixture
def rung(worker: Executions, redis_url: str) -> Callable[[], list[tuple[str, str]]]:
    return lambda: [(ring.job_id, ring.priority) for ring in sweep_as_if_alone(worker, redis_url)]


def test_a_low_job_rises_by_one_priority_a_minute_and_once_to_each(desk: Desk, waited: Waited, rung: Any) -> None:
    job_id = desk.submit(priority="low")

    seen = []
    for seconds in (50, 65, 70, 130, 190):
        waited(job_id, seconds)
        seen.append(rung())

    assert seen == [[], [(job_id, "normal")], [], [(job_id, "high")], []]


def test_a_long_queue_does_not_rise_as_a_whole(desk: Desk, waited: Waited, rung: Any) -> None:
    jobs = [desk.submit(priority="normal") for _ in range(4)]
    for job_id in jobs:
        waited(job_id, 65)

    assert [rung() for _ in jobs] == [[(job_id, "high")] for job_id in jobs]
