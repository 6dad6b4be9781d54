"""A job's life as server-sent events: in order, each once, however often the stream is cut."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from prometheus_client import CollectorRegistry

from api.http.auth import ANONYMOUS, Keys
from api.http.dependencies import Parts
from api.routes.events import follow
from api.trust import Trust
from api.wiring import refuse
from shared.store.connection import Store
from tests.integration.api.handworker import HandWorker, storyboard
from tests.integration.api.serving import Serve
from tests.integration.api.wire import Wire

Event = dict[str, Any]


def submit(api: httpx.Client, **body: Any) -> str:
    return str(api.post("/jobs", json={"prompt": "森林", "use_cache": False, **body}).raise_for_status().json()["id"])


@contextmanager
def streamed(api: httpx.Client, job_id: str, last: int | None = None) -> Iterator[Iterator[Event]]:
    """The events of a stream as they come, by a client that does not read ahead to the end as `api` would."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with (
        httpx.Client(base_url=api.base_url, timeout=30, trust_env=False) as client,
        client.stream("GET", f"/jobs/{job_id}/events", headers=headers) as response,
    ):
        assert response.status_code in (200, 204)
        yield parsed(response.iter_lines())


def parsed(lines: Iterator[str]) -> Iterator[Event]:
    event: Event = {}
    for line in lines:
        if not line:
            if "id" in event:
                yield {"id": int(event["id"]), "event": event["event"], "data": json.loads(event["data"])}
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


def story(api: httpx.Client, job_id: str, last: int | None = None) -> list[Event]:
    with streamed(api, job_id, last) as events:
        return list(events)


def lived(api: httpx.Client, worker: HandWorker) -> str:
    """A job that was lost once, told its scenes and ended."""
    job_id = submit(api)
    claim = worker.claim(job_id)
    worker.report(claim, tokens=5)
    worker.report(claim, tokens=20, scenes_done=1)
    worker.report(claim, tokens=20, scenes_done=1)
    worker.report(claim, tokens=30, scenes_done=2)
    worker.succeed(claim)
    return job_id


def test_a_stream_tells_a_job_from_queued_to_its_result(api: httpx.Client, worker: HandWorker) -> None:
    job_id = lived(api, worker)

    events = story(api, job_id)

    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert [event["event"] for event in events] == [
        *("status", "status", "progress"),
        *("scene", "progress", "scene", "progress"),
        *("scene", "status", "done"),
    ]
    statuses = [event["data"] for event in events if event["event"] == "status"]
    assert statuses == [
        {"status": "queued", "attempt": 0},
        {"status": "running", "attempt": 1},
        {"status": "succeeded", "attempt": 1},
    ]
    scenes = [event["data"] for event in events if event["event"] == "scene"]
    assert scenes == storyboard().model_dump(mode="json")["scenes"]
    assert events[-1]["data"] == api.get(f"/jobs/{job_id}").json()


def test_a_scene_is_in_the_job_and_wakes_a_stream_at_once(api: httpx.Client, worker: HandWorker) -> None:
    job_id = submit(api)
    claim = worker.claim(job_id)
    with streamed(api, job_id) as events:
        assert [next(events)["data"]["status"] for _ in range(2)] == ["queued", "running"]
        worker.report(claim, tokens=9, scenes_done=1)

        assert next(events)["data"] == storyboard().model_dump(mode="json")["scenes"][0]
        assert next(events)["event"] == "progress"
    job = api.get(f"/jobs/{job_id}").json()
    assert job["scenes"] == storyboard().model_dump(mode="json")["scenes"][:1]


def cut_after(api: httpx.Client, job_id: str, last: int, size_bytes: int) -> bytes:
    """The first bytes of a stream, wherever in a line or a character they end."""
    with socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=30) as connection:
        head = f"GET /jobs/{job_id}/events HTTP/1.0\r\nHost: localhost\r\nLast-Event-ID: {last}\r\n\r\n"
        connection.sendall(head.encode())
        received = b""
        while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < size_bytes:
            if not (chunk := connection.recv(65536)):
                break  # the stream has ended by itself
            received += chunk
    return received.partition(b"\r\n\r\n")[2][:size_bytes]


def test_a_stream_cut_at_random_bytes_two_hundred_times_tells_every_event_once_and_in_order(
    api: httpx.Client, worker: HandWorker, aside: ThreadPoolExecutor
) -> None:
    job_id, chance, cuts = submit(api), random.Random(7), threading.Semaphore(0)

    def live() -> None:
        claim = worker.claim(job_id)
        for step in range(1, 401):
            worker.report(claim, tokens=step, scenes_done=step // 150)
            if step % 2 == 0:
                cuts.acquire(timeout=30)
        worker.succeed(claim)

    living = aside.submit(live)
    events: list[Event] = []
    count = 0
    while not events or events[-1]["event"] != "done":
        received = cut_after(api, job_id, events[-1]["id"] if events else 0, chance.randint(1, 400))
        whole = received.rpartition(b"\n\n")[0] + b"\n\n"  # as the standard has it, half an event is none
        events += parsed(iter(whole.decode().split("\n")))
        cuts.release()
        count += 1
        if events and events[-1]["event"] == "status" and living.done():
            events += story(api, job_id, events[-1]["id"])  # the whole job is more than any of these cuts lets through
    living.result(30)

    assert count >= 200
    assert events == story(api, job_id)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    tokens = [event["data"]["tokens"] for event in events if event["event"] == "progress"]
    assert tokens == list(range(1, 401))


def test_progress_of_a_very_long_job_never_pushes_scenes_out_of_the_stream(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    job_id = submit(api)
    claim = worker.claim(job_id)
    worker.report(claim, tokens=0, scenes_done=1)
    for step in range(1, 1200):
        worker.report(claim, tokens=step, scenes_done=1)
    worker.succeed(claim)

    events = story(api, job_id)

    assert redis_client.xlen(f"sq:events:{job_id}") == len(events) <= 510
    assert [event["event"] for event in events[:3]] == ["status", "status", "scene"]
    assert [event["data"]["tokens"] for event in events if event["event"] == "progress"][-1] == 1199
    assert events[-1]["event"] == "done"


def test_whoever_knows_the_last_event_is_told_not_to_come_again(api: httpx.Client, worker: HandWorker) -> None:
    job_id = lived(api, worker)
    last = story(api, job_id)[-1]["id"]

    assert api.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": str(last)}).status_code == 204
    assert [event["event"] for event in story(api, job_id, last - 1)] == ["done"]
    assert story(api, job_id, 0) == story(api, job_id)


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "٣", "9" * 40])
def test_an_event_that_cannot_be_one_is_refused(api: httpx.Client, last: str) -> None:
    response = api.get(f"/jobs/{submit(api)}/events", headers={b"Last-Event-ID": last.encode()})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert "Last-Event-ID" in response.json()["detail"]


@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_a_stream_ends_however_the_job_does(api: httpx.Client, worker: HandWorker, end: str) -> None:
    job_id = submit(api)
    if end == "failed":
        worker.fail(worker.claim(job_id))
    else:
        api.post(f"/jobs/{job_id}/cancel")

    events = story(api, job_id)

    assert events[-2]["data"]["status"] == events[-1]["data"]["status"] == end
    assert events[-1]["event"] == "done"


def test_unknown_gone_and_foreign_jobs_have_no_stream(serve: Serve, redis_client: redis.Redis) -> None:
    api = serve(api={"keys": "ann:1,bob:2"})
    ann, bob = {"Authorization": "Bearer 1"}, {"Authorization": "Bearer 2"}
    job_id = api.post("/jobs", json={"prompt": "森林"}, headers=ann).json()["id"]
    api.post(f"/jobs/{job_id}/cancel", headers=ann)
    foreign = api.get(f"/jobs/{job_id}/events", headers=bob)
    unknown = api.get(f"/jobs/{uuid4()}/events", headers=ann)
    nobody = api.get(f"/jobs/{job_id}/events")
    redis_client.delete(f"sq:job:{job_id}")
    gone = api.get(f"/jobs/{job_id}/events", headers=ann)

    assert [answer.status_code for answer in (foreign, unknown, nobody, gone)] == [404, 404, 401, 410]


def test_the_stream_is_kept_as_long_as_the_record(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    job_id = submit(api, result_ttl_s=100)
    assert redis_client.ttl(f"sq:events:{job_id}") == -1
    worker.succeed(worker.claim(job_id))

    assert 90 < redis_client.ttl(f"sq:events:{job_id}") <= 100
    assert not redis_client.exists(f"sq:resume:{job_id}")


def test_a_stream_with_nothing_to_tell_still_says_that_it_lives(make_settings: Any, api: httpx.Client) -> None:
    job_id = submit(api)

    async def quiet() -> list[str]:
        settings = make_settings()
        store = Store(settings)
        parts = Parts.on(store, Trust(settings, refuse), settings, Keys(settings.api.keys), CollectorRegistry())
        try:
            lines = follow(parts, job_id, ANONYMOUS, 0, heartbeat_s=0.05)
            return [await anext(lines) for _ in range(4)]
        finally:
            await store.close()

    assert [line.partition("\n")[0] for line in asyncio.run(quiet())] == [
        "retry: 1000",
        "id: 1",
        ": heartbeat",
        ": heartbeat",
    ]


def test_a_stream_outlives_an_outage_of_redis(serve: Serve, worker: HandWorker, wire: Wire) -> None:
    api = serve(redis={"url": f"redis://127.0.0.1:{wire.port}", "timeout_s": 1})
    job_id = submit(api)
    with streamed(api, job_id) as events:
        assert next(events)["data"]["status"] == "queued"
        wire.cut()
        worker.succeed(worker.claim(job_id))
        wire.mend()

        assert [event["event"] for event in events] == ["status", "scene", "scene", "scene", "status", "done"]
