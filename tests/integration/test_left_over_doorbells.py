"""Doorbells that come in another order than their jobs, and those that lead nowhere, keep nobody waiting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from scriptqueue.schemas import PRIORITIES, JobRequest
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store.executions import Claim, Executions
from tests.chaos.oracle import MOST_IN_VAIN
from tests.integration.desk import Desk, claimed, success, sweep_as_if_alone


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


def submit(desk: Desk, client: str, count: int, **fields: object) -> list[str]:
    requests = [JobRequest.model_validate({"prompt": "x", "use_cache": False, **fields})] * count
    return list(desk.do(lambda s: s.submit_batch(requests, client)).job_ids)


def canceled(desk: Desk, worker: Executions, ids: list[str]) -> list[str]:
    for job_id in ids:
        desk.cancel(job_id)
    return ids


def done(desk: Desk, worker: Executions, ids: list[str]) -> list[str]:
    for job_id in ids:
        worker.succeed(claimed(worker, job_id), success())
    return ids


def running(desk: Desk, worker: Executions, ids: list[str]) -> list[str]:
    """Rung twice each."""
    for job_id in ids:
        claimed(worker, job_id)
    return ids


def deleted(desk: Desk, worker: Executions, ids: list[str]) -> list[str]:
    for job_id in done(desk, worker, ids):
        desk.do(lambda s, job_id=job_id: s.delete(job_id, "ada"))  # type: ignore[misc]
    return ids


def rung_thrice(desk: Desk, worker: Executions, ids: list[str]) -> list[str]:
    return canceled(desk, worker, ids) * 3


@pytest.mark.parametrize("left_over", [canceled, done, running, deleted, rung_thrice])
def test_another_clients_job_is_served_by_the_fourth(
    desk: Desk, worker: Executions, left_over: Callable[..., list[str]]
) -> None:
    doorbells = left_over(desk, worker, submit(desk, "ada", 24))
    (waiting,) = submit(desk, "bob", 1)

    claims = [worker.claim(job_id) for job_id in doorbells]

    assert [claim.job_id for claim in claims[: MOST_IN_VAIN + 1] if isinstance(claim, Claim)] == [waiting]
    assert not any(isinstance(claim, Claim) for claim in claims[MOST_IN_VAIN + 1 :])


@pytest.mark.parametrize("status", ["canceled", "running", "succeeded"])
def test_jobs_that_left_the_queue_by_an_older_version_keep_nobody_waiting(
    desk: Desk, worker: Executions, records: redis.Redis, status: str
) -> None:
    """It knows no lane of a model: the job's record says that it waits no longer, and its place in the lane is left."""
    gone = submit(desk, "ada", 150)
    (waiting,) = submit(desk, "ada", 1)
    for job_id in gone:
        records.hset(f"sq:job:{job_id}", "status", status)

    started = [claim.job_id for job_id in gone if isinstance(claim := worker.claim(job_id), Claim)]

    assert started == [waiting]


def test_a_job_of_a_newer_version_keeps_its_place(desk: Desk, worker: Executions, records: redis.Redis) -> None:
    """For a worker that knows it; this one's doorbells lead nowhere meanwhile."""
    gone = canceled(desk, worker, submit(desk, "ada", 24))
    newer, behind_it = submit(desk, "ada", 2)
    records.hset(f"sq:job:{newer}", "format", "newer")

    assert [claim for job_id in gone if isinstance(claim := worker.claim(job_id), Claim)] == []
    assert [*records.zrange("sq:queued:normal", 0, -1)] == [newer, behind_it]


@pytest.mark.parametrize("priority", PRIORITIES)
@pytest.mark.parametrize("status", ["canceled", "running", "succeeded", None])
def test_a_sweep_takes_what_an_older_version_ended_out_of_its_lane(
    desk: Desk, worker: Executions, records: redis.Redis, redis_url: str, priority: str, status: str | None
) -> None:
    """None: its record is gone by now, and a sweep that did not look ended nothing and rang nobody from then on."""
    gone = submit(desk, "ada", 2, priority=priority)
    for job_id in gone:
        if status:
            records.hset(f"sq:job:{job_id}", "status", status)
        else:
            records.delete(f"sq:job:{job_id}")

    sweep_as_if_alone(worker, redis_url)

    assert not records.exists(f"sq:queued:{priority}")


@pytest.mark.parametrize("attempt", ["0", "1"])
@pytest.mark.parametrize("is_rung", [False, True])
def test_a_job_that_an_older_version_put_into_the_lane_of_all_comes_into_its_own(
    desk: Desk, worker: Executions, records: redis.Redis, redis_url: str, attempt: str, is_rung: bool
) -> None:
    """It gives back, or wakes from behind another, what names a model; a worker of none meets it there."""
    gone = canceled(desk, worker, submit(desk, "ada", 24))
    named, waiting = submit(desk, "ada", 2)
    records.hset(f"sq:job:{named}", mapping={"only_model": "org/other", "attempt": attempt})

    doorbells = [named, *gone] if is_rung else gone
    started = [claim.job_id for job_id in doorbells if isinstance(claim := worker.claim(job_id), Claim)]
    stands_in = [lane for lane in records.scan_iter("sq:queued:*") if records.zscore(lane, named) is not None]

    assert started == [waiting]
    assert [lane.partition("/")[2] for lane in stands_in] == ["org/other"]
    had_a_turn = records.zscore("sq:back:normal/org/other", named) is not None
    assert had_a_turn is (attempt == "1")
    records.hset(f"sq:job:{named}", "rung", 1)  # long ago
    assert desk.do(lambda s: s.queue()).depth["normal"] == 1  # of a lane to which nothing was submitted
    assert [(ring.job_id, ring.model) for ring in sweep_as_if_alone(worker, redis_url)] == [(named, "org/other")]


def test_a_job_that_is_rung_again_is_owed_no_doorbell_any_more(
    desk: Desk, worker: Executions, records: redis.Redis, redis_url: str
) -> None:
    (job_id,) = submit(desk, "ada", 1)
    records.sadd("sq:owed:normal", job_id)
    records.hset(f"sq:job:{job_id}", "rung", 1)  # long ago

    assert [ring.job_id for ring in sweep_as_if_alone(worker, redis_url)] == [job_id]
    assert not records.exists("sq:owed:normal")


def test_as_many_as_four_for_each_job_are_used_up(desk: Desk, worker: Executions) -> None:
    ids = submit(desk, "ada", 30)

    started = [job_id for job_id in ids for _ in range(4) if isinstance(worker.claim(job_id), Claim)]

    assert started == ids


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
