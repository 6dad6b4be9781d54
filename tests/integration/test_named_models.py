"""A job that names its model is written by workers of that model alone, whose rows it shares with jobs of any model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis

from scriptqueue.schemas import PRIORITIES, JobRequest, Priority
from shared.broker import celery_app
from shared.broker.messages import Doorbells
from shared.errors import NoSuchModel
from shared.rings import Ring, broker_lists, lane_model
from shared.settings import Settings
from shared.store.checks import examine
from shared.store.executions import Claim, Executions, Refused
from shared.store.submissions import Submitted
from shared.workers import WorkerState
from tests.integration.desk import Desk, claimed, success, sweep_as_if_alone

QWEN = "qwen2.5-coder-1.5b"
NAMES = [QWEN, "org/model", "一个模型", "a b%c:d"]  # a folder may be called anything
HOUR_MS = 3_600_000


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture
def serve(settings: Settings) -> Callable[..., Executions]:
    """A worker that says that it is ready with this model."""

    def start(model: str, ttl_s: float = 60, **more: Any) -> Executions:
        worker = Executions(settings, f"w-{model}", model=model)
        word = WorkerState(worker.worker, "ready", model, "cpu", "fp32", slots=2, serves=f"as {model}")
        worker.beat(replace(word, **more), ttl_s=ttl_s)
        return worker

    return start


def post(desk: Desk, model: str | None = None, **fields: Any) -> Submitted:
    request = JobRequest(prompt="x", use_cache=False, model=model, **fields)
    return desk.do(lambda s: s.submit(request, "ada"))


def ids(*submitted: Submitted) -> list[str]:
    return [str(one.job.id) for one in submitted]


@pytest.mark.parametrize("name", NAMES)
def test_only_a_worker_of_the_named_model_takes_the_job(
    name: str, desk: Desk, serve: Callable[..., Executions]
) -> None:
    worker, other = serve(name), serve("other")
    (job_id,) = ids(post(desk, name))

    assert other.claim(job_id) == Refused("other_model")
    claim = worker.claim(job_id)

    assert isinstance(claim, Claim)
    assert (claim.job_id, claim.request.model) == (job_id, name)


def test_another_worker_goes_on_with_what_any_may_take(desk: Desk, serve: Callable[..., Executions]) -> None:
    serve(QWEN)
    other = serve("other")
    named, free = ids(post(desk, QWEN), post(desk))

    claim = other.claim(free)

    assert isinstance(claim, Claim)
    assert claim.job_id == free
    assert desk.job(named).status == "queued"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("level", "priority"), list(enumerate(PRIORITIES)))
def test_doorbells_go_into_the_lists_that_workers_of_the_model_hear(
    name: str, level: int, priority: Priority, settings: Settings, records: redis.Redis
) -> None:
    ring = Ring("an id", priority, lane_model(name))
    celery_app.ring(celery_app.make_app(settings, patient=False), ring.job_id, ring.priority, model=ring.model)
    (doorbell,) = Doorbells(settings).arguments([ring])["doorbells"]

    assert records.llen(broker_lists("", ring.model)[level]) == 1
    assert doorbell["list"] == broker_lists("", ring.model)[level]
    assert records.llen(broker_lists()[level]) == 0


def test_a_worker_is_told_how_many_doorbells_wait_for_its_model_and_for_any(
    settings: Settings, serve: Callable[..., Executions]
) -> None:
    app = celery_app.make_app(settings, patient=False)
    for model in ("", QWEN, QWEN, "other"):
        celery_app.ring(app, "an id", "normal", model=lane_model(model))

    word = WorkerState("w", "ready", QWEN, "cpu", "fp32", slots=2)
    assert Executions(settings, "w", model=QWEN).beat(word, 60) == 3


def test_a_worker_that_has_ended_serves_nothing(serve: Callable[..., Executions], records: redis.Redis) -> None:
    worker = serve(QWEN)
    assert records.zscore(f"sq:serves:as {QWEN}", worker.worker)
    worker.release("none")
    assert records.zscore(f"sq:serves:as {QWEN}", worker.worker) is None


def test_a_model_that_nobody_served_for_an_hour_is_refused_with_those_that_are(
    desk: Desk, serve: Callable[..., Executions], records: redis.Redis
) -> None:
    serve("other")
    with pytest.raises(NoSuchModel, match=r"^/model: .*; workers serve other now$"):
        post(desk, QWEN)

    serve(QWEN)
    assert post(desk, QWEN).job.status == "queued"
    records.zincrby("sq:models", -HOUR_MS - 1000, lane_model(QWEN))
    with pytest.raises(NoSuchModel):
        post(desk, QWEN)


@pytest.mark.parametrize("more", [{"state": "loading", "slots": 0}, {"device": "none"}], ids=["loading", "no model"])
def test_a_worker_that_has_not_the_model_yet_names_none(
    more: dict[str, Any], desk: Desk, serve: Callable[..., Executions]
) -> None:
    serve(QWEN, **more)
    with pytest.raises(NoSuchModel):
        post(desk, QWEN)


def test_of_a_batch_the_job_with_an_unknown_model_is_pointed_at(
    desk: Desk, serve: Callable[..., Executions], records: redis.Redis
) -> None:
    serve(QWEN)
    requests = [JobRequest(prompt="x", model=model) for model in (None, QWEN, "nobody's")]
    with pytest.raises(NoSuchModel, match=r"^/jobs/2/model: "):
        desk.do(lambda s: s.submit_batch(requests, "ada"))
    assert not records.keys("sq:job:*")


def test_a_job_whose_workers_have_gone_says_what_it_waits_for(
    settings: Settings, desk: Desk, serve: Callable[..., Executions]
) -> None:
    serve("other")
    serve(QWEN).release("none")
    submitted = post(desk, QWEN)

    place = submitted.job.queue
    assert place is not None
    assert (place.eta_s, place.waits_for) == (None, f"a worker that serves {QWEN}")
    assert desk.do(lambda s: s.queue()).unserved == {QWEN: 1}
    assert any(QWEN in finding.message for finding in examine(settings) if finding.level == "warning")
    serve(QWEN)
    assert desk.job(str(submitted.job.id)).queue.waits_for is None  # type: ignore[union-attr]


def test_a_lost_doorbell_of_a_named_job_is_rung_in_its_models_list(
    desk: Desk, serve: Callable[..., Executions], records: redis.Redis, redis_url: str
) -> None:
    worker = serve(QWEN)
    (job_id,) = ids(post(desk, QWEN))
    records.hset(f"sq:job:{job_id}", "rung", 1)

    assert sweep_as_if_alone(worker, redis_url) == [Ring(job_id, "normal", QWEN)]


@pytest.mark.parametrize("priority", PRIORITIES)
def test_a_doorbell_that_waits_in_its_models_list_is_not_lost(
    desk: Desk, serve: Callable[..., Executions], records: redis.Redis, settings: Settings, redis_url: str,
    priority: Priority,
) -> None:  # fmt: skip
    worker = serve(QWEN)
    (job_id,) = ids(post(desk, QWEN, priority=priority))
    celery_app.ring(celery_app.make_app(settings, patient=False), job_id, priority, model=lane_model(QWEN))
    records.hset(f"sq:job:{job_id}", "rung", 1)

    assert sweep_as_if_alone(worker, redis_url) == []


def test_a_lost_workers_named_job_is_rung_for_its_model_even_when_nothing_else_waits(
    desk: Desk, serve: Callable[..., Executions], records: redis.Redis, redis_url: str
) -> None:
    worker = serve(QWEN)
    (job_id,) = ids(post(desk, QWEN))
    assert isinstance(worker.claim(job_id), Claim)
    sweep_as_if_alone(worker, redis_url)
    assert not records.exists("sq:named")

    assert worker.release("crashes") == [Ring(job_id, "high", QWEN)]
    assert records.smembers("sq:named") == {QWEN}
    assert isinstance(serve(QWEN).claim(job_id), Claim)


def test_jobs_that_nobody_serves_keep_no_other_from_rising(
    desk: Desk, serve: Callable[..., Executions], records: redis.Redis, redis_url: str
) -> None:
    worker = serve("other")
    serve(QWEN).release("none")
    desk.do(lambda s: s.submit_batch([JobRequest(prompt="x", model=QWEN, priority="low")] * 120, "ada"))
    (free,) = ids(post(desk, priority="low"))
    records.hincrby(f"sq:job:{free}", "created", -61_000)

    assert Ring(free, "normal") in sweep_as_if_alone(worker, redis_url)


def test_places_and_depths_count_named_jobs(desk: Desk, serve: Callable[..., Executions]) -> None:
    worker = serve(QWEN)
    named = ids(*(post(desk, QWEN) for _ in range(3)))
    free = ids(*(post(desk) for _ in range(2)))

    def positions(of: list[str]) -> list[int]:
        return [desk.job(job_id).queue.position for job_id in of]  # type: ignore[union-attr]

    assert desk.do(lambda s: s.queue()).depth["normal"] == 5
    assert positions(free) == [1, 2]
    assert positions(named) == [1, 3, 5]  # one of any model before each
    for doorbell in (named[0], free[0], named[1], free[1], named[2]):
        claim = worker.claim(doorbell)
        assert isinstance(claim, Claim)
        assert claim.job_id == doorbell
    assert desk.do(lambda s: s.queue()).depth["normal"] == 0


def test_a_named_job_waits_for_the_work_of_a_single_one_of_any_model(
    desk: Desk, serve: Callable[..., Executions], records: redis.Redis
) -> None:
    worker = serve(QWEN, slots=1)
    claim = claimed(worker, *ids(post(desk)))
    records.hincrby(f"sq:job:{claim.job_id}", "started", -60_000)
    worker.succeed(claim, success())  # something to measure by
    (named,) = ids(post(desk, QWEN))

    def eta_s() -> float:
        return desk.job(named).queue.eta_s  # type: ignore[union-attr, return-value]

    alone_s = eta_s()
    post(desk, priority="high")

    assert eta_s() == pytest.approx(2 * alone_s, rel=0.1)


def test_a_full_queue_counts_named_jobs_too(make_settings: Callable[..., Settings]) -> None:
    desk = Desk(make_settings(api={"max_queued": 1}))
    Executions(desk.settings, "w").beat(WorkerState("w", "ready", QWEN, "cpu", "fp32", slots=1), ttl_s=60)
    post(desk, QWEN)
    with pytest.raises(Exception, match="jobs wait already"):
        post(desk)


def test_a_named_job_is_canceled_out_of_its_lane(
    desk: Desk, serve: Callable[..., Executions], records: redis.Redis
) -> None:
    serve(QWEN)
    (job_id,) = ids(post(desk, QWEN))
    desk.do(lambda s: s.cancel(job_id, "ada"))
    assert not [
        key
        for key in records.keys("sq:*")
        if f"/{QWEN}" in str(key) and "seq:" not in str(key) and "work:" not in str(key)
    ]


def test_jobs_that_name_different_models_share_no_result(desk: Desk, serve: Callable[..., Executions]) -> None:
    serve(QWEN)
    serve("other")
    requests = [JobRequest(prompt="x", model=model) for model in (QWEN, QWEN, "other", None)]
    batch = desk.do(lambda s: s.submit_batch(requests, "ada"))
    assert len(batch.ring) == 3  # the second follows the first
