"""The job store's promises, each on a real Redis: one record, one owner, one answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis

from scriptqueue.schemas import (
    JobRequest,
    Progress,
    Sampling,
    Status,
)
from shared.errors import JobGone, JobNotFound, OutputInvalid, QueueFull, RecordNewer, StoreUnavailable
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store.executions import Claim, Executions, Refused, Report
from shared.store.record import failure_of, queue_load_of
from shared.store.scripts import named
from shared.workers import WorkerState
from tests.integration.desk import MODEL, Desk, claimed, lapse, storyboard, success, sweep_as_if_alone

PROGRESS = Progress(phase="writing", tokens=7, scenes_done=1, fraction=0.5)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(worker={"lease_s": 0.5, "max_attempts": 2})


def test_a_submitted_job_is_queued_at_its_position(desk: Desk) -> None:
    first, second = desk.submit(), desk.submit(priority="normal")
    urgent = desk.submit(priority="high")

    places = {job_id: desk.job(job_id).queue for job_id in (first, second, urgent)}

    assert [places[job_id].position for job_id in (urgent, first, second)] == [1, 2, 3]  # type: ignore[union-attr]
    assert desk.job(first).status is Status.QUEUED


def test_submit_tells_the_same_job_that_a_read_tells(desk: Desk) -> None:
    submitted = desk.do(lambda s: s.submit(JobRequest(prompt="x", metadata={"a": [1]}), "anonymous")).job

    assert desk.job(str(submitted.id)) == submitted


def test_the_seed_is_drawn_once_at_submit(desk: Desk, worker: Executions) -> None:
    drawn = claimed(worker, desk.submit()).request.sampling.seed
    seed = claimed(worker, desk.submit(sampling=Sampling(seed=42))).request.sampling.seed

    assert drawn is not None
    assert seed == 42


def test_a_job_that_starts_before_its_first_word_was_said_tells_both(
    desk: Desk, worker: Executions, records: redis.Redis
) -> None:
    """As one of a large batch may, whose first words come in pieces."""
    job_id = desk.submit()
    records.delete(f"sq:events:{job_id}")
    records.hset(f"sq:job:{job_id}", mapping={"status_told": "", "events": 0})

    claimed(worker, job_id)

    events: Any = records.xrange(f"sq:events:{job_id}")
    assert [json.loads(event["status"]) for _, event in events] == [
        {"status": "queued", "attempt": 0},
        {"status": "running", "attempt": 1},
    ]


def test_a_running_job_is_counted_with_its_own_cost_and_rows(
    desk: Desk, worker: Executions, records: redis.Redis
) -> None:
    job_id = desk.submit(candidates=3)
    claimed(worker, job_id)

    (running,) = queue_load_of(named("queue", worker._store.call("queue"))).running

    assert (running.cost, running.rows) == (float(records.hget(f"sq:job:{job_id}", "cost") or 0), 3)


def test_a_second_doorbell_finds_nothing_to_claim(desk: Desk, worker: Executions, rival: Executions) -> None:
    job_id = desk.submit()
    claimed(worker, job_id)

    assert rival.claim(job_id) == Refused("running")
    assert rival.claim("00000000-0000-0000-0000-000000000000") == Refused("unknown")


def test_the_result_is_read_as_it_was_written(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit(metadata={"shot": "7b"})

    assert worker.succeed(claimed(worker, job_id), success()) == "succeeded"

    job = desk.job(job_id)
    assert (job.status, job.done, job.result, job.source) == (Status.SUCCEEDED, True, storyboard(), "model")
    assert (job.model, job.metadata, job.progress, job.queue) == (MODEL, {"shot": "7b"}, None, None)
    assert job.expires_at is not None
    assert job.finished_at is not None
    assert job.expires_at - job.finished_at == timedelta(days=1)


def test_a_repeated_finish_is_told_the_same_and_changes_nothing(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()
    claim = claimed(worker, job_id)
    worker.succeed(claim, success("甲"))
    before = desk.read(job_id)

    assert worker.succeed(claim, success("乙")) == "succeeded"
    assert worker.fail(claim, failure_of(OutputInvalid()), MODEL) == "succeeded"
    assert desk.read(job_id) == before


def test_an_attempt_whose_lease_lapsed_can_write_nothing(
    desk: Desk, worker: Executions, rival: Executions, redis_url: str
) -> None:
    job_id = desk.submit()
    old = claimed(worker, job_id)
    lapse(job_id, redis_url)
    rings = sweep_as_if_alone(rival, redis_url)
    new = claimed(rival, job_id)

    assert [(r.job_id, r.priority) for r in rings] == [(job_id, "high")]
    assert worker.renew([Report(old, PROGRESS)]) == ["lost"]
    assert worker.succeed(old, success("旧")) == "stale"
    assert worker.give_back(old) == "stale"
    assert rival.succeed(new, success("新")) == "succeeded"
    assert desk.job(job_id).result == storyboard("新")
    assert desk.job(job_id).attempt == 2


def test_a_renewed_lease_does_not_lapse(desk: Desk, worker: Executions, redis_url: str) -> None:
    job_id = desk.submit()
    claim = claimed(worker, job_id)
    lapse(job_id, redis_url)

    assert worker.renew([Report(claim, PROGRESS)]) == ["ok"]
    assert sweep_as_if_alone(worker, redis_url) == []
    assert desk.job(job_id).status is Status.RUNNING


def test_progress_is_seen_and_changes_the_version_only_when_it_moves(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()
    claim = claimed(worker, job_id)
    worker.renew([Report(claim, PROGRESS)])
    moved = desk.read(job_id)
    worker.renew([Report(claim, PROGRESS)])

    assert moved.job.progress == PROGRESS
    assert desk.read(job_id).version == moved.version


def test_the_text_in_the_making_stands_in_the_job_and_not_in_its_events(
    desk: Desk, worker: Executions, redis_url: str
) -> None:
    claim = claimed(worker, job_id := desk.submit())
    for text in ("一只猫", "一只猫走进 😀", None):
        worker.renew([Report(claim, Progress(phase="writing", tokens=len(text or ""), text=text), ())])
        progress = desk.job(job_id).progress
        assert progress is not None
        assert progress.text == text
    worker.renew([Report(claim, Progress(phase="writing", tokens=9, text="猫"), ())])
    worker.fail(claim, failure_of(OutputInvalid(), "x" * 3000 + "结尾"), MODEL)

    job = desk.job(job_id)
    assert job.progress is None
    assert job.error is not None
    assert job.error.text == "x" * 1998 + "结尾"
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert "猫" not in str(client.xrange(f"sq:events:{job_id}"))
        assert client.hget(f"sq:job:{job_id}", "writing") is None


def test_a_job_that_loses_its_worker_too_often_fails_and_is_kept_as_dead(
    desk: Desk, worker: Executions, redis_url: str
) -> None:
    job_id = desk.submit()
    for _ in range(8):
        claimed(worker, job_id)
        lapse(job_id, redis_url)
        sweep_as_if_alone(worker, redis_url)

    job = desk.job(job_id)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code == "worker_lost"
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert client.zrange("sq:dead", 0, -1) == [job_id]


def test_nobody_loses_a_lease_because_redis_was_away(desk: Desk, worker: Executions, redis_url: str) -> None:
    job_id = desk.submit()
    claim = claimed(worker, job_id)
    worker.sweep()
    lapse(job_id, redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.delete("sq:sweep-lock")
        client.decrby("sq:swept", 60_000)  # the last sweep was a minute ago

    assert worker.sweep() == []
    assert worker.succeed(claim, success()) == "succeeded"


def test_a_job_given_back_keeps_its_place(desk: Desk, worker: Executions) -> None:
    first, second = desk.submit(), desk.submit()
    claim = claimed(worker, first)

    assert worker.give_back(claim) == "queued"

    assert [desk.job(job_id).queue.position for job_id in (first, second)] == [1, 2]  # type: ignore[union-attr]


def test_a_queued_job_is_canceled_at_once(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()

    assert desk.cancel(job_id) == (Status.QUEUED, Status.CANCELED)
    assert desk.cancel(job_id) == (Status.CANCELED, Status.CANCELED)
    assert worker.claim(job_id) == Refused("canceled")


def test_a_running_job_is_canceled_when_it_has_left_the_device(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()
    claim = claimed(worker, job_id)

    assert desk.cancel(job_id) == (Status.RUNNING, Status.CANCELING)
    assert worker.renew([Report(claim, PROGRESS)]) == ["canceling"]
    assert desk.job(job_id).status is Status.CANCELING
    assert worker.confirm_cancel(claim) == "canceled"


def test_another_clients_cancel_changes_nothing(desk: Desk) -> None:
    job_id = desk.submit()
    with pytest.raises(JobNotFound):
        desk.do(lambda s: s.cancel(job_id, "eve"))

    assert desk.job(job_id).status is Status.QUEUED


def test_who_cancels_for_all_is_told_what_became_of_it(desk: Desk, worker: Executions) -> None:
    queued, running = desk.submit(), desk.submit()
    claimed(worker, running)

    assert [worker.cancel(job_id) for job_id in (queued, running, str(uuid4()))] == ["canceled", "canceling", "unknown"]


@pytest.mark.parametrize("candidates", [1, 2, 3, 4])
def test_a_job_takes_as_many_rows_as_it_has_candidates(desk: Desk, records: redis.Redis, candidates: int) -> None:
    job_id = desk.submit(candidates=candidates)

    assert int(records.hget(f"sq:job:{job_id}", "rows") or 1) == candidates


def test_a_result_after_an_accepted_cancel_is_discarded(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()
    claim = claimed(worker, job_id)
    desk.cancel(job_id)

    assert worker.succeed(claim, success()) == "canceled"
    assert desk.job(job_id).result is None


def test_a_cancel_is_heard_by_the_worker_at_once(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()
    claimed(worker, job_id)
    cancellations = worker.cancellations(timeout_s=0.01)
    assert next(cancellations) is None
    desk.cancel(job_id)

    assert next(job for job in cancellations if job) == job_id


def test_a_canceled_job_whose_worker_died_is_canceled_by_the_sweep(
    desk: Desk, worker: Executions, redis_url: str
) -> None:
    job_id = desk.submit()
    claimed(worker, job_id)
    desk.cancel(job_id)
    lapse(job_id, redis_url)

    assert sweep_as_if_alone(worker, redis_url) == []
    assert desk.job(job_id).status is Status.CANCELED


@pytest.mark.parametrize(
    "limits",
    [{"queue_timeout_s": 0.001}, {"deadline": timedelta(seconds=2)}],
    ids=["queue timeout", "deadline"],
)
def test_a_job_that_waited_too_long_expires_without_any_worker(
    desk: Desk, worker: Executions, redis_url: str, limits: dict[str, Any]
) -> None:
    limits = {name: datetime.now(UTC) + v if isinstance(v, timedelta) else v for name, v in limits.items()}
    job_id = desk.submit(**limits)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        while client.time()[0] * 1000 < float(client.hget(f"sq:job:{job_id}", "starts_by") or 0):
            pass

    sweep_as_if_alone(worker, redis_url)

    assert desk.job(job_id).status is Status.EXPIRED
    assert worker.claim(job_id) == Refused("expired")


def test_a_started_job_no_longer_expires_in_the_queue(desk: Desk, worker: Executions, redis_url: str) -> None:
    job_id = desk.submit(queue_timeout_s=0.3)
    claim = claimed(worker, job_id)
    worker.give_back(claim)
    starts_by = time.monotonic() + 0.4
    while time.monotonic() < starts_by:
        sweep_as_if_alone(worker, redis_url)

    assert desk.job(job_id).status is Status.QUEUED
    assert isinstance(worker.claim(job_id), Claim)


def test_a_job_that_runs_does_not_end_with_a_wait_that_is_still_listed(
    desk: Desk, worker: Executions, redis_url: str
) -> None:
    """As after a restore of what was written between two commands."""
    job_id = desk.submit()
    claimed(worker, job_id)
    with redis.Redis.from_url(redis_url) as client:
        client.zadd("sq:expiring", {job_id: 1})
        sweep_as_if_alone(worker, redis_url)

        assert desk.job(job_id).status is Status.RUNNING
        assert client.zscore("sq:expiring", job_id) is None


def test_a_lost_doorbell_is_rung_again_less_and_less_often(desk: Desk, worker: Executions, redis_url: str) -> None:
    job_id = desk.submit()
    with redis.Redis.from_url(redis_url) as client:

        def sweep_at(seconds_later: float) -> list[str]:
            client.hset(f"sq:job:{job_id}", "rung", int(time.time() * 1000 - seconds_later * 1000))
            return [ring.job_id for ring in sweep_as_if_alone(worker, redis_url)]

        assert sweep_at(1) == []  # still on its way
        assert sweep_at(2.5) == [job_id]
        assert sweep_at(2.5) == []
        assert sweep_at(4.5) == [job_id]


def test_a_job_whose_turn_has_passed_is_rung_into_the_front(desk: Desk, worker: Executions, redis_url: str) -> None:
    lost = desk.submit()
    others = [desk.submit() for _ in range(70)]
    for job_id in others:
        claimed(worker, job_id)
    with redis.Redis.from_url(redis_url) as client:
        client.lpush(broker_lists()[1], "a doorbell that still waits")
        client.hset(f"sq:job:{lost}", "rung", 1)

    rings = sweep_as_if_alone(worker, redis_url)

    assert [(r.job_id, r.priority) for r in rings] == [(lost, "high")]


def test_the_server_of_the_last_sweep_is_no_other_one(worker: Executions, records: redis.Redis, redis_url: str) -> None:
    for _ in range(2):
        sweep_as_if_alone(worker, redis_url)

    assert records.hexists("sq:server", "replid")
    assert not records.hexists("sq:server", "since")


def test_two_sweeps_in_one_second_are_one(desk: Desk, worker: Executions, rival: Executions, redis_url: str) -> None:
    job_id = desk.submit()
    claimed(worker, job_id)
    lapse(job_id, redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.delete("sq:sweep-lock", "sq:swept")

    assert len(worker.sweep()) + len(rival.sweep()) == 1


def test_a_full_queue_refuses_and_keeps_nothing(make_settings: Callable[..., Settings], redis_url: str) -> None:
    desk = Desk(make_settings(api={"max_queued": 2}))
    desk.submit(priority="high")
    desk.submit(priority="low")

    with pytest.raises(QueueFull, match="the limit is 2"):
        desk.submit()
    with redis.Redis.from_url(redis_url) as client:
        assert len(list(client.scan_iter("sq:job:*"))) == 2


def test_a_result_past_its_lifetime_is_gone_and_an_unknown_one_not_found(
    desk: Desk, worker: Executions, redis_url: str
) -> None:
    job_id = desk.submit(result_ttl_s=1)
    worker.succeed(claimed(worker, job_id), success())
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.pttl(f"sq:job:{job_id}") <= 1000
        assert 6.9 * 86400 < client.ttl(f"sq:gone:{job_id}") <= 7 * 86400 + 1
        client.delete(f"sq:job:{job_id}")

    with pytest.raises(JobGone):
        desk.job(job_id)
    with pytest.raises(JobNotFound):
        desk.job("00000000-0000-0000-0000-000000000000")


def test_somebodys_own_value_under_a_jobs_key_is_told_as_that(desk: Desk, records: redis.Redis) -> None:
    job_id = str(uuid4())
    records.set(f"sq:job:{job_id}", "mine")

    with pytest.raises(StoreUnavailable, match=f"The record of {job_id} is broken"):
        desk.read(job_id)


def test_a_failure_says_what_and_whether_to_try_again(desk: Desk, worker: Executions) -> None:
    job_id = desk.submit()

    worker.fail(claimed(worker, job_id), failure_of(OutputInvalid("no scenes in 40 characters")), MODEL)

    error = desk.job(job_id).error
    assert error is not None
    assert (error.code, error.retryable, error.text) == ("output_invalid", True, None)
    assert error.detail == "no scenes in 40 characters"


def test_a_record_of_a_newer_format_is_left_to_who_knows_it(desk: Desk, worker: Executions, redis_url: str) -> None:
    job_id = desk.submit()
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"sq:job:{job_id}", "format", 2)

    assert worker.claim(job_id) == Refused("newer")
    with pytest.raises(RecordNewer):
        desk.job(job_id)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert client.hget(f"sq:job:{job_id}", "status") == "queued"


def test_the_queue_shows_depth_workers_and_an_eta_once_it_has_measured(desk: Desk, worker: Executions) -> None:
    state = WorkerState("worker-a", "ready", "test", "cpu", "bf16", slots=2, busy=1, tokens_per_s=12.5)
    before = desk.do(lambda s: s.queue())
    worker.beat(state, ttl_s=30)
    claim = claimed(worker, desk.submit())
    meanwhile = desk.do(lambda s: s.queue())
    worker.succeed(claim, success())
    desk.submit(priority="low")
    after = desk.do(lambda s: s.queue())
    worker.beat(state, ttl_s=0)
    left = desk.do(lambda s: s.queue())

    assert before.eta_s(before.last("low"), cost=100) is None
    assert [(job.worker, job.rows) for job in meanwhile.running] == [("worker-a", 1)]
    assert (after.depth, after.running, after.workers) == ({"high": 0, "normal": 0, "low": 1}, [], [state])
    assert after.eta_s(after.last("low"), cost=100) is not None
    assert left.workers == []


def test_a_redis_that_is_away_is_said_in_one_word(make_settings: Callable[..., Settings]) -> None:
    nowhere = make_settings(redis={"url": "redis://127.0.0.1:1"})

    with pytest.raises(StoreUnavailable, match="Redis"):
        Desk(nowhere).submit()
    with pytest.raises(StoreUnavailable, match="Redis"):
        Executions(nowhere, "w").claim("x")
