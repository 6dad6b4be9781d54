"""Redis goes away, freezes, refuses writes, and comes back: every answer within 3 s, and nothing needs a restart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest
import redis

from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve
from tests.integration.api.wire import Wire

WITHIN_S = 3.0


@pytest.fixture
def api(serve: Serve, wire: Wire) -> httpx.Client:
    return serve(redis={"url": f"redis://127.0.0.1:{wire.port}"})


def requests(api: httpx.Client) -> list[httpx.Request]:
    job = f"/jobs/{uuid4()}"
    return [
        api.build_request("POST", "/jobs", json={"prompt": "x"}),
        api.build_request("POST", "/jobs", json={"prompt": "x"}, headers={"Prefer": "wait=60"}),
        api.build_request("GET", job),
        api.build_request("GET", job, headers={"Prefer": "wait=60"}),
        api.build_request("GET", f"{job}/result"),
        api.build_request("POST", f"{job}/cancel"),
        api.build_request("GET", "/queue"),
        api.build_request("GET", "/readyz"),
    ]


@pytest.mark.parametrize("fault", ["cut", "freeze"])
def test_every_endpoint_says_503_within_3_s_and_recovers_by_itself(
    api: httpx.Client, wire: Wire, worker: HandWorker, aside: ThreadPoolExecutor, fault: str
) -> None:
    api.post("/jobs", json={"prompt": "x"}).raise_for_status()  # connections are open
    worker.beat()
    getattr(wire, fault)()

    for response in aside.map(api.send, requests(api)):
        assert (response.status_code, response.json()["code"]) == (503, "store_unavailable"), response.request
        assert int(response.headers["Retry-After"]) >= 1
        assert response.elapsed.total_seconds() < WITHIN_S, response.request
    assert api.get("/healthz").status_code == 200

    wire.mend()
    assert api.post("/jobs", json={"prompt": "x"}).status_code == 202
    assert api.get("/readyz").status_code == 200


@pytest.mark.parametrize("fault", ["cut", "freeze"])
def test_a_long_poll_learns_that_redis_went_away(
    api: httpx.Client, wire: Wire, aside: ThreadPoolExecutor, redis_client: redis.Redis, fault: str
) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    with redis_client.monitor() as monitor:
        commands = monitor.listen()
        next(commands)
        poll = aside.submit(api.get, f"/jobs/{job_id}", headers={"Prefer": "wait=60"})
        assert any(f"HGETALL sq:job:{job_id}" in command["command"] for command in commands)
    getattr(wire, fault)()

    assert poll.result(10).status_code == 503


def test_long_polls_hear_changes_again_after_redis_was_away(
    api: httpx.Client, wire: Wire, worker: HandWorker, aside: ThreadPoolExecutor
) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    wire.cut()
    assert api.get(f"/jobs/{job_id}").status_code == 503
    wire.mend()
    known = api.get(f"/jobs/{job_id}").headers["ETag"]

    poll = aside.submit(api.get, f"/jobs/{job_id}", headers={"Prefer": "wait=60", "If-None-Match": known})
    worker.claim(job_id)

    assert poll.result(10).json()["status"] == "running"


def test_a_client_that_waits_for_its_accepted_job_is_never_told_an_error(
    api: httpx.Client, wire: Wire, worker: HandWorker, aside: ThreadPoolExecutor
) -> None:
    posted = aside.submit(api.post, "/jobs", json={"prompt": "x"}, headers={"Prefer": "wait=60"})
    job_id = worker.next_id()
    wire.cut()

    response = posted.result(15)

    assert (response.status_code, response.json()["id"]) == (202, job_id)


def test_a_job_that_could_not_be_rung_is_rung_by_the_sweep(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    redis_client.delete("sq:jobs/1")  # the doorbell is lost

    assert worker.next_id(within_s=15) == job_id


def test_a_redis_that_refuses_writes_is_503_and_reads_go_on(api: httpx.Client, redis_client: redis.Redis) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    redis_client.config_set("min-replicas-to-write", 1)
    try:
        refused = api.post("/jobs", json={"prompt": "x"})
        read = api.get(f"/jobs/{job_id}")
    finally:
        redis_client.config_set("min-replicas-to-write", 0)

    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert read.status_code == 200
    assert api.post("/jobs", json={"prompt": "x"}).status_code == 202


def test_the_answer_says_nothing_of_where_redis_is(serve: Serve) -> None:
    api = serve(redis={"url": "redis://operator:hunter2@127.0.0.1:1/0"})

    answers = [api.post("/jobs", json={"prompt": "x"}), api.get("/readyz")]

    assert [r.status_code for r in answers] == [503, 503]
    assert not any(secret in r.text for r in answers for secret in ("hunter2", "operator", "127.0.0.1"))
