"""`scriptqueue.client` against the real API: what comes back, what is repeated, and what each failure is called."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis

from scriptqueue.client import (
    AccessDenied,
    ApiError,
    AsyncClient,
    Busy,
    Client,
    ClientError,
    Conflict,
    Gone,
    JobUnsuccessful,
    NotFound,
    PartlySubmitted,
    RequestInvalid,
    SceneEvent,
    ServiceUnreachable,
    WaitTimedOut,
)
from scriptqueue.schemas import Job, Status
from tests.integration.api.handworker import HandWorker, storyboard
from tests.integration.api.serving import Serve
from tests.integration.api.wire import Wire


@pytest.fixture
def url(api: httpx.Client) -> str:
    return str(api.base_url)


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


@pytest.fixture
def wire_to_api(url: str) -> Iterator[Wire]:
    wire = Wire(("127.0.0.1", httpx.URL(url).port or 80))
    yield wire
    wire.close()


class AsyncInSteps:
    """`AsyncClient`, one call at a time, so that one test holds both clients to the same."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*arguments: Any, **options: Any) -> Any:
            async with AsyncClient(self._url) as client:
                if name in {"events", "scenes", "list"}:
                    return [each async for each in getattr(client, name)(*arguments, **options)]
                return await getattr(client, name)(*arguments, **options)

        return lambda *arguments, **options: asyncio.run(call(*arguments, **options))


@pytest.fixture(params=["sync", "async"])
def either(request: pytest.FixtureRequest, url: str, client: Client) -> Any:
    return client if request.param == "sync" else AsyncInSteps(url)


def test_a_job_is_submitted_read_and_canceled(either: Any) -> None:
    job = either.submit("森林", min_scenes=4, sampling={"seed": 7}, deadline=datetime(2099, 1, 1, tzinfo=UTC))

    assert isinstance(job, Job)
    assert either.get(job.id) == job
    assert either.get(str(job.id)).queue.position == 1
    assert either.queue().depth == {"high": 0, "normal": 1, "low": 0}
    assert either.cancel(job.id).status is Status.CANCELED
    assert either.cancel(job.id).done


def test_options_reach_the_worker(either: Any, worker: HandWorker) -> None:
    either.submit("森林", min_scenes=4, sampling={"seed": 7}, metadata={"shot": "7b"})

    request = worker.claim(worker.next_id()).request

    assert (request.min_scenes, request.sampling.seed, request.metadata) == (4, 7, {"shot": "7b"})


def test_waiting_sees_every_change_and_ends_with_the_result(
    either: Any, worker: HandWorker, aside: ThreadPoolExecutor
) -> None:
    job = either.submit("森林")
    seen: list[str] = []
    claim = None

    def move_on(now: Job) -> None:
        """The worker does its next step when the last one was seen."""
        nonlocal claim
        seen.append(f"{now.status} {now.progress.tokens if now.progress else '-'}")
        if now.status is Status.QUEUED:
            claim = worker.claim(str(now.id))
        elif now.progress is None and not now.done:
            worker.report(claim, tokens=5)  # type: ignore[arg-type]
        elif not now.done:
            worker.succeed(claim, "雾")  # type: ignore[arg-type]

    done = either.wait(job.id, timeout_s=30, on_progress=move_on)

    assert seen == ["queued -", "running -", "running 5", "succeeded -"]
    assert done.result == storyboard("雾")


def test_waiting_survives_a_connection_that_is_cut(
    wire_to_api: Wire, worker: HandWorker, client: Client, aside: ThreadPoolExecutor
) -> None:
    job = client.submit("森林")
    with Client(f"http://127.0.0.1:{wire_to_api.port}") as far:

        def cut_then_finish(now: Job) -> None:
            if now.status is Status.QUEUED:
                wire_to_api.cut()
                worker.succeed(worker.claim(str(now.id)))
                aside.submit(wire_to_api.mend)

        assert far.wait(job.id, timeout_s=30, on_progress=cut_then_finish).status is Status.SUCCEEDED


def test_a_change_ends_the_wait_at_once(either: Any, worker: HandWorker, aside: ThreadPoolExecutor) -> None:
    job = either.submit("森林")
    waiting = aside.submit(either.wait, job.id)
    started_s = time.monotonic()
    worker.succeed(worker.claim(str(job.id)))

    assert waiting.result(10).status is Status.SUCCEEDED
    assert time.monotonic() - started_s < 5


def test_a_wait_that_takes_too_long_says_how_the_job_was_seen_last(either: Any) -> None:
    job = either.submit("森林")

    with pytest.raises(WaitTimedOut, match=r"not done after 0\.5 s; it is queued") as caught:
        either.wait(job.id, timeout_s=0.5)

    assert caught.value.job.id == job.id  # type: ignore[union-attr]
    assert isinstance(caught.value, TimeoutError)


def test_a_read_waits_out_a_redis_that_comes_back(serve: Serve, wire: Wire, aside: ThreadPoolExecutor) -> None:
    api = serve(redis={"url": f"redis://127.0.0.1:{wire.port}"})
    with Client(str(api.base_url)) as client:
        job = client.submit("森林")
        wire.cut()
        assert api.get("/queue").status_code == 503
        reading = aside.submit(client.get, job.id)
        wire.mend()

        assert reading.result(15).id == job.id


def test_a_refusal_carries_the_problem(either: Any) -> None:
    with pytest.raises(ApiError) as invalid:
        either.submit("x", min_scenes=0, colour="red")
    with pytest.raises(ApiError) as unknown:
        either.get(uuid4())

    faults = invalid.value.problem.errors or []
    assert (invalid.value.code, invalid.value.status) == ("invalid_request", 422)
    assert {fault.pointer for fault in faults} == {"/min_scenes", "/colour"}
    assert (unknown.value.code, unknown.value.status) == ("not_found", 404)


@pytest.mark.parametrize("prompt", ["\ud800", "x\udcff"])
def test_a_prompt_that_is_no_text_is_refused_by_the_service_and_not_a_crash(either: Any, prompt: str) -> None:
    with pytest.raises(ApiError, match="/prompt"):
        either.submit(prompt)


@pytest.mark.parametrize("job_id", ["", "../queue", "a/b", "森林", "?x=1"])
def test_an_id_of_another_shape_is_not_found_and_reaches_no_other_endpoint(either: Any, job_id: str) -> None:
    with pytest.raises(ApiError) as caught:
        either.get(job_id)
    assert caught.value.status == 404


def test_an_address_where_nothing_listens_is_unreachable_within_seconds(url: str) -> None:
    started_s = time.monotonic()
    with Client("http://127.0.0.1:1") as nowhere:
        for call in (nowhere.queue, lambda: nowhere.submit("x"), lambda: nowhere.wait(uuid4())):
            with pytest.raises(ServiceUnreachable, match=r"http://127\.0\.0\.1:1/"):
                call()
    assert time.monotonic() - started_s < 12


@pytest.mark.parametrize("address", ["", "127.0.0.1:8000", "ftp://example.com", "http://", "http://[::1"])
def test_what_is_no_address_is_said_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        Client(address)
    with pytest.raises(ValueError, match="URL"):
        AsyncClient(address)


def test_many_prompts_become_jobs_in_their_order(either: Any, redis_client: redis.Redis) -> None:
    prompts = [f"prompt {number}" for number in range(40)]

    jobs = either.submit_many(prompts, concurrency=8, priority="low")

    stored = [redis_client.hget(f"sq:job:{job.id}", "request") for job in jobs]
    assert all(f'"{prompt}"' in str(request) for prompt, request in zip(prompts, stored, strict=True))
    assert {job.priority for job in jobs} == {"low"}


def test_many_prompts_of_which_one_is_refused_lose_no_job(either: Any) -> None:
    with pytest.raises(PartlySubmitted, match="1 of 3 prompts were not accepted") as caught:
        either.submit_many(["a", "", "c"])

    kinds = [type(outcome) for outcome in caught.value.outcomes]
    assert kinds == [Job, RequestInvalid, Job]


def test_many_prompts_wait_for_room_in_a_full_queue(
    serve: Serve, worker: HandWorker, aside: ThreadPoolExecutor
) -> None:
    with Client(str(serve(api={"max_queued": 1}).base_url)) as client:
        submitting = aside.submit(client.submit_many, ["a", "b", "c"])
        ids = []
        for _ in range(3):
            job_id = worker.next_id()
            worker.succeed(worker.claim(job_id))
            ids.append(job_id)

        assert sorted(str(job.id) for job in submitting.result(20)) == sorted(ids)


def test_jobs_are_listed_newest_first_over_every_page(either: Any, worker: HandWorker, client: Client) -> None:
    ids = [job.id for job in client.submit_many([str(n) for n in range(130)], concurrency=1)]
    client.cancel(ids[7])

    assert [job.id for job in either.list()] == ids[::-1]
    assert [job.id for job in either.list(limit=3)] == ids[:-4:-1]
    assert [job.id for job in either.list("canceled")] == [ids[7]]


def test_a_submit_whose_answer_was_lost_makes_one_job(url: str, redis_client: redis.Redis) -> None:
    class LosesTheFirst(httpx.HTTPTransport):
        lost = False

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = super().handle_request(request)
            if not self.lost:
                self.lost = True
                response.close()
                raise httpx.ReadError("cut", request=request)
            return response

    with Client(url, transport=LosesTheFirst()) as client:
        job = client.submit("森林")
        assert [each.id for each in client.list()] == [job.id]


def test_a_full_queue_is_told_to_a_single_submit_at_once(serve: Serve) -> None:
    with Client(str(serve(api={"max_queued": 1}).base_url)) as client:
        client.submit("a")

        with pytest.raises(ApiError) as caught:
            client.submit("b")

    assert caught.value.code == "queue_full"
    assert caught.value.retry_after_s


def test_scenes_come_with_the_result_and_an_end_without_one_is_told(either: Any, worker: HandWorker) -> None:
    good, bad = either.submit("a"), either.submit("b")
    worker.succeed(worker.claim(str(good.id)))
    worker.fail(worker.claim(str(bad.id)))

    assert [scene.scene_number for scene in either.scenes(good.id)] == [1, 2, 3]
    with pytest.raises(JobUnsuccessful, match="the job is failed: no scenes") as caught:
        list(either.scenes(bad.id))
    assert isinstance(caught.value, ClientError)


def test_one_client_serves_many_threads(client: Client, worker: HandWorker) -> None:
    jobs = client.submit_many([f"{n}" for n in range(50)])
    with ThreadPoolExecutor(50) as many:
        waits = [many.submit(client.wait, job.id, 60) for job in jobs]
        for job in jobs:
            worker.succeed(worker.claim(str(job.id)))

        assert {wait.result(60).status for wait in waits} == {Status.SUCCEEDED}


def test_a_prompt_may_be_a_request_of_its_own_and_its_outcome_is_told_as_it_comes(
    either: Any, worker: HandWorker
) -> None:
    outcomes: dict[int, Any] = {}

    with pytest.raises(PartlySubmitted):
        either.submit_many(
            [{"prompt": "a", "priority": "high"}, {"prompt": ""}, "c"],
            on_progress=lambda place, outcome: outcomes.update({place: outcome}),
            priority="low",
        )

    assert [type(outcomes[place]) for place in range(3)] == [Job, RequestInvalid, Job]
    assert [outcomes[place].priority for place in (0, 2)] == ["high", "low"]


def test_an_interrupted_submit_of_many_queues_no_more(client: Client) -> None:
    def interrupt(place: int, outcome: Job | ClientError) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.submit_many(["x"] * 500, concurrency=2, on_progress=interrupt)

    assert client.queue().depth["normal"] < 100


def test_a_key_of_ones_own_makes_one_job_and_each_of_many_has_its_own(either: Any) -> None:
    first, again = (either.submit("森林", idempotency_key="night-7") for _ in range(2))
    many, many_again = (either.submit_many(["a", "a"], idempotency_key="night-8") for _ in range(2))

    assert first.id == again.id
    assert [job.id for job in many] == [job.id for job in many_again]
    assert many[0].id != many[1].id
    for no_key in ("夜", "a\nb"):
        with pytest.raises(ValueError, match="no idempotency key"):
            either.submit("x", idempotency_key=no_key)


def test_events_tell_the_whole_life_of_a_job_in_their_types(either: Any, worker: HandWorker) -> None:
    job = either.submit("森林")
    claim = worker.claim(str(job.id))
    worker.report(claim, tokens=20, scenes_done=1)
    worker.succeed(claim)

    events = list(either.events(job.id))

    assert [event.event for event in events] == [
        "status",
        "status",
        "scene",
        "progress",
        "scene",
        "scene",
        "status",
        "done",
    ]
    assert events[0].data.status is Status.QUEUED
    assert [event.data for event in events if isinstance(event, SceneEvent)] == list(storyboard().scenes)
    assert events[3].data.tokens == 20
    assert events[-1].data == either.get(job.id)
    assert list(either.events(job.id, after=events[5].id)) == events[6:]
    assert list(either.events(job.id, after=events[-1].id)) == []


def test_events_go_on_after_each_cut_of_the_connection_and_come_once(
    wire_to_api: Wire, worker: HandWorker, client: Client
) -> None:
    job = client.submit("森林")
    claim = worker.claim(str(job.id))
    seen = []
    with Client(f"http://127.0.0.1:{wire_to_api.port}") as far:
        for event in far.events(job.id):
            seen.append(event)
            if event.event in ("status", "scene") and len(seen) > 1:
                wire_to_api.cut()
                wire_to_api.mend()
            if isinstance(event, SceneEvent) and event.data.scene_number == 3:
                worker.succeed(claim)
            elif len(seen) == 2 or isinstance(event, SceneEvent):
                number = event.data.scene_number + 1 if isinstance(event, SceneEvent) else 1
                worker.report(claim, tokens=number * 10, scenes_done=number)

    assert seen == list(client.events(job.id))
    assert [event.id for event in seen] == sorted({event.id for event in seen})


def test_a_line_separator_within_a_text_ends_no_line_of_the_stream(either: Any, worker: HandWorker) -> None:
    job = either.submit("森林")
    worker.succeed(worker.claim(str(job.id)), "雾\u2028\u2029\x85散")

    assert next(iter(either.scenes(job.id))).description == "雾\u2028\u2029\x85散 1"


def test_events_of_no_job_and_of_a_deleted_one_are_errors(either: Any, worker: HandWorker) -> None:
    job = either.cancel(either.submit("森林").id)
    either.delete(job.id)

    with pytest.raises(Gone):
        list(either.events(job.id))
    with pytest.raises(NotFound):
        list(either.events(uuid4()))


def test_a_job_is_tried_again_under_a_new_id(either: Any, worker: HandWorker) -> None:
    job = either.submit("森林")
    with pytest.raises(Conflict):
        either.retry(job.id)
    worker.fail(worker.claim(str(job.id)))

    first, again = (either.retry(job.id, idempotency_key="k") for _ in range(2))

    assert (first.retry_of, again.id) == (job.id, first.id)


def test_the_bare_storyboard_is_there_once_the_job_succeeded(either: Any, worker: HandWorker) -> None:
    job = either.submit("森林")
    with pytest.raises(Conflict):
        either.result(job.id)
    worker.succeed(worker.claim(str(job.id)))

    assert either.result(job.id) == storyboard()


def test_a_deleted_job_is_gone_and_deleting_it_twice_says_so(either: Any) -> None:
    job = either.submit("森林")
    with pytest.raises(Conflict):
        either.delete(job.id)
    either.cancel(job.id)

    assert either.delete(job.id) is None
    for call in (either.get, either.delete, either.result):
        with pytest.raises(Gone):
            call(job.id)


def test_many_jobs_in_one_request_are_counted_and_canceled(either: Any) -> None:
    batch, again = (either.submit_batch(["a", {"prompt": "b"}], idempotency_key="n", min_scenes=4) for _ in range(2))

    assert (batch.id, batch.total, batch.counts.queued) == (again.id, 2, 2)
    assert either.cancel_batch(batch.id).done
    assert either.batch(batch.id).counts.canceled == 2
    with pytest.raises(NotFound):
        either.batch(uuid4())
    with pytest.raises(RequestInvalid, match="/jobs/1/prompt"):
        either.submit_batch(["a", ""])


def test_nothing_is_on_the_dead_list_of_a_client_whose_jobs_live(either: Any) -> None:
    assert either.dead() == []
    with pytest.raises(NotFound):
        either.requeue(uuid4())


def test_a_missing_key_and_a_full_queue_have_types_of_their_own(serve: Serve) -> None:
    with Client(str(serve(api={"keys": "a:1"}).base_url)) as stranger, pytest.raises(AccessDenied):
        stranger.queue()
    with Client(str(serve(api={"max_queued": 1}).base_url)) as client:
        client.submit("a")
        with pytest.raises(Busy):
            client.submit("b")


@pytest.mark.parametrize("key", ["secret\n", " secret", "a\r\nb"])
def test_a_key_that_no_header_can_carry_is_said_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="the API key has a line break or blanks around it"):
        Client("http://127.0.0.1", key)


def test_the_two_clients_offer_the_same() -> None:
    def offered(kind: type) -> dict[str, list[str]]:
        public = {name: call for name, call in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"}
        return {
            name.replace("aclose", "close"): list(inspect.signature(call).parameters) for name, call in public.items()
        }

    assert offered(Client) == offered(AsyncClient)
    assert len(offered(Client)) >= 18
