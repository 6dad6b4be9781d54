"""What grows with a batch, with followers or with rows is done in pieces: a crash between two loses nothing.

The crash is a script that is called once, by hand; from then on only the sweep runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import redis

from scriptqueue.schemas import JobRequest, Progress
from shared.errors import JobNotFinished, OutputInvalid
from shared.settings import Settings
from shared.store.connection import SyncStore
from shared.store.executions import Claim, Executions, Report
from shared.store.record import WORKER_LOST, failure_of
from shared.workers import WorkerState
from tests.integration.desk import MODEL, Desk, claimed, lapse, success, sweep_as_if_alone

ALIKE = 251  # a leader and as many followers as it may have
READY = WorkerState("worker-a", "ready", "m", "cpu", "fp32", slots=8, serves="m")


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture
def once(records: redis.Redis) -> SyncStore:
    """Scripts without who repeats them."""
    return SyncStore(records)


def batch(desk: Desk, count: int, alike: int = 1, **fields: Any) -> tuple[str, list[str]]:
    requests = [JobRequest(prompt=f"{n % (count // alike)}", use_cache=alike > 1, **fields) for n in range(count)]
    made = desk.do(lambda s: s.submit_batch(requests, "ada"))
    return made.batch_id, list(made.job_ids)


def statuses(records: redis.Redis, ids: list[str]) -> Counter[Any]:
    return Counter(records.hget(f"sq:job:{job_id}", "status") for job_id in ids)


def swept(worker: Executions, redis_url: str, times: int = 12) -> None:
    for _ in range(times):
        sweep_as_if_alone(worker, redis_url)


def unfinished_end(once: SyncStore, claim: Claim, status: str = "succeeded") -> None:
    """The outcome is written, and whoever wrote it dies before it tells all followers."""
    outcome = success()
    gained = {"result": outcome.storyboard.model_dump_json(), "repairs": "[]", "model": MODEL.model_dump_json()}
    gained |= {"source": "model"} if status == "succeeded" else {"error": failure_of(OutputInvalid()).model_dump_json()}
    fields = [{"field": name, "value": value} for name, value in gained.items()]
    assert once.call("finish", id=claim.job_id, token=claim.token, status=status, gained=fields) == status


@pytest.mark.parametrize("alike", [1, 2, 50, 250])
def test_a_batch_is_canceled_whole(desk: Desk, records: redis.Redis, alike: int) -> None:
    batch_id, ids = batch(desk, 500, alike)

    canceled = desk.do(lambda s: s.batch(batch_id, "ada", cancel=True))

    assert Counter(canceled.statuses) == statuses(records, ids) == {"canceled": 500}
    assert records.exists("sq:stopping", "sq:behind", "sq:promoted", "sq:turns:normal") == 0


@pytest.mark.parametrize("alike", [1, 250])
def test_a_cancel_that_was_cut_off_is_finished_by_the_sweep(
    desk: Desk, worker: Executions, once: SyncStore, records: redis.Redis, redis_url: str, alike: int
) -> None:
    batch_id, ids = batch(desk, 500, alike)

    assert once.call("batch", id=batch_id, client="ada", cancel=True) == ["more"]
    assert 0 < statuses(records, ids)["canceled"] < 500
    swept(worker, redis_url)

    assert statuses(records, ids) == {"canceled": 500}
    assert records.exists("sq:stopping") == 0


def test_a_batch_that_is_canceled_again_says_the_same(desk: Desk) -> None:
    batch_id, _ = batch(desk, 500)
    first, second = [desk.do(lambda s: s.batch(batch_id, "ada", cancel=True)) for _ in range(2)]

    assert first == second


def test_followers_that_the_end_did_not_reach_get_the_result_though_their_leader_is_deleted(
    desk: Desk, worker: Executions, once: SyncStore, records: redis.Redis, redis_url: str
) -> None:
    _, ids = batch(desk, ALIKE, ALIKE)
    unfinished_end(once, claimed(worker, ids[0]))
    left = statuses(records, ids)
    assert left["succeeded"] > 1
    assert 0 < records.ttl(f"sq:parted:{ids[0]}") <= 3600  # what the others are still to get, should nobody sweep
    desk.do(lambda s: s.delete(ids[0], "ada"))
    swept(worker, redis_url)

    assert statuses(records, ids[1:]) == {"succeeded": ALIKE - 1}
    assert desk.job(ids[-1]).result == success().storyboard


def test_what_a_follower_became_meanwhile_stands(
    desk: Desk, worker: Executions, once: SyncStore, records: redis.Redis, redis_url: str
) -> None:
    _, ids = batch(desk, ALIKE, ALIKE)
    unfinished_end(once, claimed(worker, ids[0]))
    late = next(job_id for job_id in ids if records.hget(f"sq:job:{job_id}", "status") != "succeeded")
    with pytest.raises(JobNotFinished):
        desk.do(lambda s: s.delete(late, "ada"))
    desk.cancel(late)
    swept(worker, redis_url)

    assert statuses(records, ids) == {"succeeded": ALIKE - 1, "canceled": 1}
    assert records.hget("sq:active", "ada") == "0"


@pytest.mark.parametrize("end", ["failed", "released", "lapsed", "given back"])
def test_however_a_leader_ends_every_follower_ends(
    desk: Desk, worker: Executions, once: SyncStore, records: redis.Redis, redis_url: str, end: str
) -> None:
    _, ids = batch(desk, ALIKE, ALIKE)
    claim = claimed(worker, ids[0])
    if end == "failed":
        unfinished_end(once, claim, "failed")
    elif end == "released":
        once.call("release", worker=worker.worker, blame="none", max_attempts=3, worker_lost=WORKER_LOST)
    elif end == "lapsed":
        lapse(ids[0], redis_url)
    else:
        once.call("give_back", id=claim.job_id, token=claim.token)
    swept(worker, redis_url)
    waiting = records.zrange("sq:queued:normal", 0, -1)
    assert len(waiting) == 1

    worker.succeed(claimed(worker, str(waiting[0])), success())

    failed = int(end == "failed")
    assert statuses(records, ids) == Counter(succeeded=ALIKE - failed, failed=failed)


def test_scenes_reach_every_follower(desk: Desk, worker: Executions, records: redis.Redis) -> None:
    _, ids = batch(desk, ALIKE, ALIKE)
    claim = claimed(worker, ids[0])

    worker.renew([Report(claim, Progress(phase="writing", tokens=9, scenes_done=1), success().storyboard.scenes)])

    assert {(job.status, len(job.scenes)) for job in map(desk.job, ids[::25])} == {("running", 1)}
    assert records.exists("sq:behind") == 0


@pytest.mark.parametrize("rows", [1, 2, 16, 17, 18, 33])
def test_a_worker_of_many_rows_gives_all_back_and_one_alone_is_known(
    desk: Desk, worker: Executions, records: redis.Redis, rows: int
) -> None:
    _, ids = batch(desk, rows)
    for job_id in ids:
        claimed(worker, job_id)
    if rows > 30:
        records.sadd("sq:held:worker-a", *(f"gone {n}" for n in range(20)))  # somebody deleted their records

    assert sorted(ring.job_id for ring in worker.release("crashes")) == sorted(ids)
    assert records.exists("sq:held:worker-a") == 0
    assert statuses(records, ids) == {"queued": rows}
