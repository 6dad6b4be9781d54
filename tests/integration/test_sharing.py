"""Jobs that ask for the same share one generation and one result. On a real Redis, through the store alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from scriptqueue.schemas import Job, JobRequest, Progress, Scene, Source, Status
from shared.errors import OutputInvalid, QueueFull
from shared.settings import Settings
from shared.store.executions import Claim, Executions, Refused, Report, Resume
from shared.store.record import failure_of
from shared.store.submissions import Submitted
from shared.workers import WorkerState
from tests.integration.desk import MODEL, Desk, claimed, lapse, storyboard, success, sweep_as_if_alone

PROGRESS = Progress(phase="writing", tokens=9, scenes_done=1, fraction=0.3)


def state(worker: str = "worker-a", serves: str = "model-1", phase: Any = "ready") -> WorkerState:
    return WorkerState(worker, phase, "test", "cpu", "bf16", slots=8, serves=serves)


class SharingDesk(Desk):
    """A desk whose jobs let others answer them, unlike those of other tests."""

    def post(self, client: str = "ann", **request: Any) -> Submitted:
        return self.do(lambda s: s.submit(JobRequest(**{"prompt": "森林", **request}), client))

    def submit(self, **request: Any) -> str:
        return str(self.post(**request).job.id)

    def statuses(self, *job_ids: str) -> list[Status]:
        return [self.job(job_id).status for job_id in job_ids]


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(worker={"lease_s": 0.5})


@pytest.fixture
def desk(settings: Settings) -> SharingDesk:
    return SharingDesk(settings)


@pytest.fixture
def worker(settings: Settings) -> Executions:
    """One that is ready and serves `model-1`."""
    worker = Executions(settings, "worker-a")
    worker.beat(state(), ttl_s=60)
    return worker


def counted(records: redis.Redis) -> dict[str, int]:
    counts: Any = records.hgetall("sq:counts")
    return {name.removeprefix("cache:"): int(n) for name, n in counts.items() if name.startswith("cache:")}


def generate(desk: SharingDesk, worker: Executions, source: Source = "model", **request: Any) -> str:
    """A job that has run to its end."""
    job_id = desk.submit(**request)
    outcome = success()
    worker.succeed(
        claimed(worker, job_id), type(outcome)(outcome.storyboard, source, ("mended",), MODEL, outcome.metrics)
    )
    return job_id


def fail(worker: Executions, claim: Claim) -> None:
    assert worker.fail(claim, failure_of(OutputInvalid("no scenes")), MODEL) == "failed"


def rung(worker: Executions, redis_url: str) -> list[tuple[str, str]]:
    return [(ring.job_id, ring.priority) for ring in sweep_as_if_alone(worker, redis_url)]


def events(records: redis.Redis, job_id: str) -> list[str]:
    entries: Any = records.xrange(f"sq:events:{job_id}")
    return [next(iter(event)) for _, event in entries]


# -- a result that is there -------------------------------------------------------------------------------------------


def test_a_result_answers_the_same_request_at_once(desk: SharingDesk, worker: Executions, records: redis.Redis) -> None:
    first = desk.job(generate(desk, worker, "repaired"))

    posted = desk.post(metadata={"shot": 2}, priority="low", result_ttl_s=60)

    job = posted.job
    assert (job.status, job.source, posted.rings) == (Status.SUCCEEDED, "cache", False)
    assert (job.result, job.scenes, job.repairs, job.model) == (first.result, first.scenes, ["mended"], MODEL)
    assert (job.metadata, job.priority, job.attempt, job.metrics) == ({"shot": 2}, "low", 0, None)
    assert job.id != first.id
    assert desk.job(str(job.id)) == job
    assert events(records, str(job.id)) == ["scene", "status", "done"]
    assert sum(ended.get("cache:hit", 0) for ended in desk.do(lambda s: s.queue()).minutes.values()) == 1
    assert 0 < records.ttl(f"sq:job:{job.id}") <= 60
    assert desk.do(lambda s: s.queue()).depth == {"high": 0, "normal": 0, "low": 0}
    assert counted(records) == {"miss": 1, "hit": 1}


@pytest.mark.parametrize(
    "other",
    [
        {"use_cache": False},
        {"prompt": "海"},
        {"min_scenes": 2},
        {"max_scenes": 7},
        {"target_duration_s": 20},
        {"language": "zh"},
        {"quality_keywords": "8k"},
        {"allow_fallback": False},
        {"sampling": {"seed": 7}},
        {"sampling": {"temperature": 0.5}},
        {"sampling": {"top_p": 0.5}},
        {"sampling": {"do_sample": False}},
        {"sampling": {"max_new_tokens": 600}},
        {"metadata": {"stub": {"scenes": 4}}},
    ],
    ids=str,
)
def test_what_decides_the_text_asks_for_a_fresh_one(
    desk: SharingDesk, worker: Executions, other: dict[str, Any]
) -> None:
    generate(desk, worker)

    assert desk.post(**other).job.status is Status.QUEUED


def test_a_seed_that_was_asked_for_is_answered_by_its_own_result(desk: SharingDesk, worker: Executions) -> None:
    generate(desk, worker, sampling={"seed": 7})

    assert desk.post(sampling={"seed": 7}).job.source == "cache"
    assert desk.post(sampling={"seed": 8}).job.status is Status.QUEUED
    assert desk.post().job.status is Status.QUEUED


def test_no_client_is_answered_by_anothers_result(desk: SharingDesk, worker: Executions) -> None:
    generate(desk, worker)

    assert desk.post(client="bob").job.status is Status.QUEUED


def test_a_job_that_wants_its_own_result_answers_no_other(desk: SharingDesk, worker: Executions) -> None:
    generate(desk, worker, use_cache=False)

    assert desk.post().job.status is Status.QUEUED


@pytest.mark.parametrize(
    ("source", "kept"), [("model", True), ("repaired", True), ("stub", True), ("fallback", False), ("cache", False)]
)
def test_only_what_was_written_for_the_request_is_kept(
    desk: SharingDesk, worker: Executions, source: Source, kept: bool
) -> None:
    generate(desk, worker, source)

    assert (desk.post().job.status is Status.SUCCEEDED) == kept


def test_a_result_counts_only_while_its_model_is_served(desk: SharingDesk, worker: Executions) -> None:
    generate(desk, worker, sampling={"seed": 1})
    other = Executions(desk.settings, "worker-b")
    other.beat(state("worker-b", "model-2"), ttl_s=60)
    both = desk.post(sampling={"seed": 1}).job
    worker.beat(state(phase="draining"), ttl_s=60)

    assert both.source == "cache"
    assert desk.post(sampling={"seed": 1}).job.status is Status.QUEUED


@pytest.mark.parametrize("how", ["leaves", "dies", "falls silent"])
def test_a_worker_that_is_gone_serves_nothing(
    desk: SharingDesk, worker: Executions, records: redis.Redis, how: str
) -> None:
    generate(desk, worker)
    if how == "leaves":
        worker.beat(state(), ttl_s=0)
    elif how == "dies":
        worker.release("lapses")
    else:
        records.zadd("sq:serves:model-1", {"worker-a": 1})

    assert desk.post().job.status is Status.QUEUED


def test_a_job_that_waited_for_a_worker_is_answered_when_one_takes_it(
    desk: SharingDesk, worker: Executions, records: redis.Redis
) -> None:
    generate(desk, worker)
    worker.beat(state(), ttl_s=0)
    waited, follower = desk.submit(), desk.submit()
    worker.beat(state(), ttl_s=60)

    assert worker.claim(waited) == Refused("succeeded")
    assert [desk.job(job_id).source for job_id in (waited, follower)] == ["cache", "cache"]
    assert counted(records) == {"miss": 1, "hit": 1, "shared": 1}


def test_a_result_is_kept_as_long_as_the_setting_says(
    make_settings: Callable[..., Settings], worker: Executions
) -> None:
    desk, off = SharingDesk(make_settings()), SharingDesk(make_settings(api={"cache_ttl_s": 0}))
    generate(desk, worker)

    assert off.post().job.status is Status.QUEUED


def test_a_result_is_kept_no_longer_than_its_job(desk: SharingDesk, worker: Executions, records: redis.Redis) -> None:
    first = generate(desk, worker, result_ttl_s=60)
    (key,) = records.scan_iter("sq:cache:*")
    copy = desk.submit()
    desk.do(lambda s: s.delete(first, "ann"))

    assert records.get(key) == first
    assert 0 < records.ttl(key) <= 60
    assert desk.job(copy).result == storyboard()
    assert desk.post().job.status is Status.QUEUED


def test_a_full_queue_refuses_no_job_that_needs_no_place(
    make_settings: Callable[..., Settings], worker: Executions
) -> None:
    desk = SharingDesk(make_settings(api={"max_queued": 1}))
    generate(desk, worker)
    desk.submit(prompt="海")

    assert desk.post().job.source == "cache"
    assert desk.post(prompt="海").job.status is Status.QUEUED
    with pytest.raises(QueueFull):
        desk.submit(prompt="山")


def test_a_batch_is_answered_job_by_job(desk: SharingDesk, worker: Executions) -> None:
    generate(desk, worker)
    requests = [JobRequest(prompt=prompt) for prompt in ("森林", "海", "海")]

    batch = desk.do(lambda s: s.submit_batch(requests, "ann"))

    assert batch.statuses == ["succeeded", "queued", "queued"]
    assert [ring.job_id for ring in batch.ring] == [batch.job_ids[1]]
    worker.succeed(claimed(worker, batch.job_ids[1]), success())
    assert desk.do(lambda s: s.batch(batch.batch_id, "ann")).statuses == ["succeeded"] * 3


# -- a job in flight --------------------------------------------------------------------------------------------------


def test_jobs_that_ask_for_the_same_share_one_generation(
    desk: SharingDesk, worker: Executions, records: redis.Redis, redis_url: str
) -> None:
    leader = desk.submit()
    followers = [desk.post(metadata={"n": n}) for n in range(49)]
    ids = [str(posted.job.id) for posted in followers]

    assert not any(posted.rings for posted in followers)
    assert {desk.job(job_id).queue.position for job_id in ids} == {1}  # type: ignore[union-attr]
    assert desk.do(lambda s: s.queue()).depth["normal"] == 1
    assert worker.claim(ids[0]) == Refused("follows")
    worker.succeed(claimed(worker, leader), success())

    jobs = [desk.job(job_id) for job_id in ids]
    assert {(job.status, job.source) for job in jobs} == {(Status.SUCCEEDED, "cache")}
    assert all(job.result == storyboard() for job in jobs)
    assert [job.metadata["n"] for job in jobs] == list(range(49))
    assert desk.job(leader).source == "model"
    assert counted(records) == {"miss": 1, "shared": 49}
    assert rung(worker, redis_url) == []
    assert list(records.scan_iter("sq:leader:*")) + list(records.scan_iter("sq:followers:*")) == []


def test_no_sweep_rings_a_follower(desk: SharingDesk, worker: Executions, records: redis.Redis, redis_url: str) -> None:
    leader, follower = desk.submit(), desk.submit()
    for job_id in (leader, follower):
        records.hset(f"sq:job:{job_id}", "rung", 1)

    assert rung(worker, redis_url) == [(leader, "normal")]


def test_a_follower_shows_how_far_its_leader_is(desk: SharingDesk, worker: Executions, records: redis.Redis) -> None:
    leader, follower = desk.submit(), desk.submit()
    claim = claimed(worker, leader)
    started = desk.read(follower)
    scenes = storyboard().scenes
    worker.renew([Report(claim, PROGRESS, scenes)])
    late = desk.post().job
    moved = desk.read(follower)

    assert (started.job.status, started.job.attempt, started.job.queue) == (Status.RUNNING, 1, None)
    assert moved.version > started.version
    assert (moved.job.progress, moved.job.scenes) == (PROGRESS, list(scenes))
    assert (late.status, late.scenes) == (Status.RUNNING, list(scenes))
    worker.succeed(claim, success())
    assert events(records, follower) == ["status", "status", "scene", "progress", "status", "done"]
    assert events(records, str(late.id)) == ["status", "status", "scene", "status", "done"]


def test_a_followers_stream_keeps_the_last_of_the_progress(
    desk: SharingDesk, worker: Executions, records: redis.Redis
) -> None:
    leader, follower = desk.submit(), desk.submit()
    claim = claimed(worker, leader)
    for tokens in range(100):
        worker.renew([Report(claim, PROGRESS.model_copy(update={"tokens": tokens}))])

    assert events(records, leader).count("progress") == 100
    assert events(records, follower).count("progress") <= 8
    assert desk.job(follower).progress == desk.job(leader).progress


def test_a_follower_whose_leaders_record_is_gone_is_read_without_a_place(
    desk: SharingDesk, records: redis.Redis
) -> None:
    leader, follower = desk.submit(), desk.submit()
    records.delete(f"sq:job:{leader}")

    job = desk.job(follower)

    assert (job.status, job.queue) == ("queued", None)


def test_a_leader_that_waits_again_takes_its_followers_along(desk: SharingDesk, worker: Executions) -> None:
    leader, follower = desk.submit(), desk.submit()
    claim = claimed(worker, leader)
    worker.renew([Report(claim, PROGRESS)])
    worker.give_back(claim)

    job = desk.job(follower)
    assert (job.status, job.progress) == (Status.QUEUED, None)
    worker.succeed(claimed(worker, leader), success())
    assert desk.job(follower).source == "cache"


@pytest.mark.parametrize("runs", [False, True], ids=["queued", "running"])
def test_canceling_a_follower_touches_it_alone(desk: SharingDesk, worker: Executions, runs: bool) -> None:
    leader, gone, stays = desk.submit(), desk.submit(), desk.submit()
    claim = claimed(worker, leader) if runs else None

    assert desk.cancel(gone) == (Status.RUNNING if runs else Status.QUEUED, Status.CANCELED)

    worker.succeed(claim or claimed(worker, leader), success())
    assert desk.statuses(leader, gone, stays) == [Status.SUCCEEDED, Status.CANCELED, Status.SUCCEEDED]


def test_a_canceled_leader_leaves_the_lead_to_a_follower(desk: SharingDesk, worker: Executions, redis_url: str) -> None:
    leader, heir, third = desk.submit(), desk.submit(), desk.submit()

    desk.cancel(leader)

    assert desk.statuses(leader, heir, third) == [Status.CANCELED, Status.QUEUED, Status.QUEUED]
    assert rung(worker, redis_url) == [(heir, "normal")]
    assert worker.claim(third) == Refused("follows")
    worker.succeed(claimed(worker, heir), success())
    assert [desk.job(job_id).source for job_id in (heir, third)] == ["model", "cache"]


def test_the_heir_of_a_canceled_leader_goes_on_with_its_text(
    desk: SharingDesk, worker: Executions, redis_url: str
) -> None:
    leader, heir, third = desk.submit(), desk.submit(), desk.submit()
    claim = claimed(worker, leader)
    seed = claim.request.sampling.seed
    assert seed is not None
    resume = Resume(seed, 0, "model-1", (1, 2, 3))
    scenes: tuple[Scene, ...] = storyboard().scenes
    worker.renew([Report(claim, PROGRESS, scenes, resume)])
    desk.cancel(leader)
    while_it_stops = desk.statuses(leader, heir)
    worker.confirm_cancel(claim)
    waiting = desk.statuses(heir, third)
    rings = rung(worker, redis_url)
    inherited = claimed(worker, heir)

    assert while_it_stops == [Status.CANCELING, Status.RUNNING]
    assert waiting == [Status.QUEUED, Status.QUEUED]
    assert rings == [(heir, "high")]
    assert (inherited.scenes, inherited.resume, inherited.request.sampling.seed) == (scenes, resume, seed)
    assert desk.statuses(heir, third) == [Status.RUNNING, Status.RUNNING]


def test_the_heir_of_a_failed_leader_tries_anew_with_a_seed_of_its_own(desk: SharingDesk, worker: Executions) -> None:
    leader, heir = desk.submit(), desk.submit()
    claim = claimed(worker, leader)
    worker.renew([Report(claim, PROGRESS, storyboard().scenes, Resume(1, 0, "model-1", (1,)))])
    fail(worker, claim)
    again = claimed(worker, heir)

    assert again.resume is None
    assert again.request.sampling.seed != claim.request.sampling.seed
    assert again.scenes == storyboard().scenes  # they were told to its client too


def test_of_what_a_follower_was_told_of_its_leaders_progress_the_last_is_kept(
    desk: SharingDesk, worker: Executions, records: redis.Redis
) -> None:
    leader, follower = desk.submit(), desk.submit()
    claim = claimed(worker, leader)
    for tokens in range(1, 30):
        worker.renew([Report(claim, PROGRESS.model_copy(update={"tokens": tokens}))])

    assert records.xlen(f"sq:events:{follower}") < 12
    assert desk.job(follower).progress.tokens == 29  # type: ignore[union-attr]


def test_a_leader_that_was_canceled_is_no_failure(desk: SharingDesk, worker: Executions, records: redis.Redis) -> None:
    ids = [desk.submit() for _ in range(4)]
    desk.cancel(ids[0])
    fail(worker, claimed(worker, ids[1]))

    assert [records.hget(f"sq:job:{job_id}", "role") for job_id in ids[2:]] == ["leader", "follower"]


def test_a_follower_runs_where_its_leader_does(desk: SharingDesk, worker: Executions, records: redis.Redis) -> None:
    """So Celery's monitors show it there."""
    worker.beat(WorkerState(worker.worker, "ready", "test", "cpu", "fp32", slots=1, node="celery@here"), ttl_s=60)
    leader, follower = desk.submit(), desk.submit()
    claimed(worker, leader)

    assert records.hget(f"sq:job:{follower}", "node") == "celery@here"


def test_after_two_failures_each_tries_for_itself(
    desk: SharingDesk, worker: Executions, redis_url: str, records: redis.Redis
) -> None:
    ids = [desk.submit() for _ in range(5)]
    fail(worker, claimed(worker, ids[0]))
    assert [records.hget(f"sq:job:{job_id}", "role") for job_id in ids[1:]] == ["leader", *["follower"] * 3]
    fail(worker, claimed(worker, ids[1]))

    assert {job_id for job_id, _ in rung(worker, redis_url)} == set(ids[2:])
    claims = [claimed(worker, job_id) for job_id in ids[2:]]
    worker.succeed(claims[0], success())
    fail(worker, claims[1])
    assert desk.statuses(*ids[2:]) == [Status.SUCCEEDED, Status.FAILED, Status.RUNNING]
    assert desk.job(desk.submit()).source == "cache"


def test_a_leader_that_ends_its_worker_too_often_ends_its_followers_too(
    desk: SharingDesk, worker: Executions, records: redis.Redis, redis_url: str
) -> None:
    leader = desk.submit()
    followers = [desk.submit() for _ in range(100)]
    for _ in range(3):
        claimed(worker, leader)
        worker.release("crashes")

    jobs = [desk.job(job_id) for job_id in (leader, *followers)]
    assert {(job.status, job.error and job.error.code) for job in jobs} == {(Status.FAILED, "worker_lost")}
    assert rung(worker, redis_url) == []
    assert records.zrange("sq:dead", 0, -1) == [leader]


def test_a_canceled_poison_hands_its_blame_on(desk: SharingDesk, worker: Executions) -> None:
    leader, heir, other = desk.submit(), desk.submit(), desk.submit(prompt="海")
    for _ in range(2):
        claimed(worker, leader)
        worker.release("crashes")
    desk.cancel(leader)
    claimed(worker, other)

    assert worker.claim(heir) == Refused("wait")  # a suspect runs alone


def test_a_fallback_answers_its_followers_and_is_told_to_be_one(desk: SharingDesk, worker: Executions) -> None:
    leader, follower = desk.submit(), desk.submit()
    outcome = success()
    worker.succeed(claimed(worker, leader), type(outcome)(outcome.storyboard, "fallback", (), MODEL, outcome.metrics))

    assert (desk.job(follower).status, desk.job(follower).source) == (Status.SUCCEEDED, "fallback")


def test_no_client_follows_anothers_job_and_none_follows_unasked(desk: SharingDesk, worker: Executions) -> None:
    desk.submit()

    assert desk.post(client="bob").rings
    assert desk.post(use_cache=False).rings


# -- clocks and priorities --------------------------------------------------------------------------------------------


def wait_past(records: redis.Redis, job_id: str, field: str = "starts_by") -> None:
    while records.time()[0] * 1000 <= float(records.hget(f"sq:job:{job_id}", field) or 0):
        pass


def test_a_follower_expires_by_its_own_clock(
    desk: SharingDesk, worker: Executions, records: redis.Redis, redis_url: str
) -> None:
    leader, follower = desk.submit(), desk.submit(queue_timeout_s=0.001)
    wait_past(records, follower)

    assert rung(worker, redis_url) == []
    assert desk.statuses(leader, follower) == [Status.QUEUED, Status.EXPIRED]


def test_an_expired_leader_leaves_the_lead_to_a_follower(
    desk: SharingDesk, worker: Executions, records: redis.Redis, redis_url: str
) -> None:
    leader, heir = desk.submit(queue_timeout_s=0.001), desk.submit()
    wait_past(records, leader)

    assert rung(worker, redis_url) == [(heir, "normal")]
    assert desk.statuses(leader, heir) == [Status.EXPIRED, Status.QUEUED]


def test_a_follower_does_not_expire_in_the_queue_once_its_leader_has_started(
    desk: SharingDesk, worker: Executions, records: redis.Redis, redis_url: str
) -> None:
    leader, follower = desk.submit(), desk.submit(queue_timeout_s=0.3)
    claim = claimed(worker, leader)
    wait_past(records, follower)
    worker.renew([Report(claim, PROGRESS)])
    sweep_as_if_alone(worker, redis_url)
    running = desk.job(follower).status
    worker.give_back(claim)
    sweep_as_if_alone(worker, redis_url)

    assert (running, desk.job(follower).status) == (Status.RUNNING, Status.QUEUED)


def test_a_follower_times_out_by_its_own_clock(
    desk: SharingDesk, worker: Executions, records: redis.Redis, redis_url: str
) -> None:
    leader, follower = desk.submit(), desk.submit(execution_timeout_s=100)
    claim = claimed(worker, leader)
    before = sweep_as_if_alone(worker, redis_url), desk.job(follower).status
    records.zadd("sq:expiring", {follower: float(records.zscore("sq:expiring", follower) or 0) - 101_000})
    worker.renew([Report(claim, PROGRESS)])
    sweep_as_if_alone(worker, redis_url)

    job: Job = desk.job(follower)
    assert before == ([], Status.RUNNING)
    assert (job.status, job.error and job.error.code) == (Status.FAILED, "timeout")
    assert worker.succeed(claim, success()) == "succeeded"


def test_a_higher_priority_takes_the_lead_of_one_that_waits(desk: SharingDesk, worker: Executions) -> None:
    low, between = desk.submit(priority="low"), desk.submit(prompt="海")
    high = desk.post(priority="high")

    assert high.rings
    assert high.job.queue is not None
    assert high.job.queue.position == 1
    assert desk.do(lambda s: s.queue()).depth == {"high": 1, "normal": 1, "low": 0}
    assert worker.claim(low) == Refused("follows")
    worker.succeed(claimed(worker, str(high.job.id)), success())
    assert desk.statuses(low, between) == [Status.SUCCEEDED, Status.QUEUED]
    assert desk.job(low).priority == "low"


def test_the_best_follower_inherits(desk: SharingDesk, worker: Executions, redis_url: str) -> None:
    leader = desk.submit(priority="high")
    low, normal, later = desk.submit(priority="low"), desk.submit(), desk.submit()
    desk.cancel(leader)

    assert rung(worker, redis_url) == [(normal, "normal")]
    assert [worker.claim(job_id) for job_id in (low, later)] == [Refused("follows")] * 2


def test_a_crowd_has_more_than_one_leader(desk: SharingDesk, worker: Executions) -> None:
    batch = desk.do(lambda s: s.submit_batch([JobRequest(prompt="森林")] * 300, "ann"))
    ring = [doorbell.job_id for doorbell in batch.ring]

    assert len(ring) == 50  # the first leads 250; those that come after are on their own
    worker.succeed(claimed(worker, ring[0]), success())
    assert {worker.claim(job_id) for job_id in ring[1:]} == {Refused("succeeded")}
    assert desk.do(lambda s: s.batch(batch.batch_id, "ann")).statuses == ["succeeded"] * 300


def test_a_lapsed_leader_runs_elsewhere_and_answers_its_followers(
    desk: SharingDesk, worker: Executions, redis_url: str
) -> None:
    leader, follower = desk.submit(), desk.submit()
    claimed(worker, leader)
    lapse(leader, redis_url)

    assert rung(worker, redis_url) == [(leader, "high")]
    worker.succeed(claimed(worker, leader), success())
    assert desk.job(follower).source == "cache"
