"""Doorbells that come in another order than their jobs, and those that lead nowhere, keep nobody waiting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from scriptqueue.schemas import JobRequest
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store.executions import Executions
from tests.integration.desk import Desk, claimed, sweep_as_if_alone


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


def submit(desk: Desk, client: str, count: int, **fields: object) -> list[str]:
    requests = [JobRequest.model_validate({"prompt": "x", "use_cache": False, **fields})] * count
    return list(desk.do(lambda s: s.submit_batch(requests, client)).job_ids)


@pytest.mark.parametrize("later", [1, 16, 200])
def test_doorbells_that_come_out_of_order_are_not_taken_for_lost(
    desk: Desk, worker: Executions, redis_url: str, later: int
) -> None:
    """A small batch's doorbells reach the broker before those of the large one that entered just before it."""
    large, small = submit(desk, "ada", 200), submit(desk, "ada", later)

    started = [claimed(worker, job_id).job_id for job_id in small]

    with redis.Redis.from_url(redis_url) as client:  # all were rung long ago
        for job_id in {*large, *small} - set(started):
            client.hset(f"sq:job:{job_id}", "rung", 1)
        client.lpush(broker_lists()[1], "a doorbell")
    assert sweep_as_if_alone(worker, redis_url) == []
