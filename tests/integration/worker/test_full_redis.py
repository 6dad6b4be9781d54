"""Redis at its maxmemory: nothing new is accepted, and whatever was accepted goes on to its end."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import redis

from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import Process, done, running, submit, until


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client
        client.config_set("maxmemory", 0)


def fill(server: redis.Redis) -> None:
    """From now on every command that may take memory is refused."""
    server.config_set("maxmemory", 1)


def refused(api: httpx.Client) -> bool:
    answer = api.post("/jobs", json={"prompt": "一只猫"})
    return (answer.status_code, answer.json()["code"]) == (503, "store_unavailable") and "retry-after" in answer.headers


def test_a_post_is_refused_while_running_jobs_finish_and_waiting_ones_run(
    api: httpx.Client, start_worker: StartWorker, server: redis.Redis
) -> None:
    start_worker(worker__max_batch=1)
    first, second = submit(api, stub={"seconds": 2}), submit(api)
    canceled = submit(api, stub={"hang": True})
    running(api, first)

    fill(server)

    assert refused(api)
    assert [done(api, job_id)["status"] for job_id in (first, second)] == ["succeeded", "succeeded"]
    running(api, canceled)
    assert api.post(f"/jobs/{canceled}/cancel").status_code == 202
    assert done(api, canceled)["status"] == "canceled"
    server.config_set("maxmemory", 0)
    assert done(api, submit(api, "另一个故事"))["status"] == "succeeded"


def test_a_worker_starts_on_a_full_redis_and_frees_it(
    api: httpx.Client, worker: Process, start_worker: StartWorker, server: redis.Redis
) -> None:
    worker.freeze()
    job_id = submit(api)
    fill(server)
    worker.kill()

    process = start_worker()

    assert done(api, job_id)["status"] == "succeeded"
    process.terminate()
    assert process.wait() == 0


def test_a_job_whose_worker_is_killed_on_a_full_redis_runs_on_another(
    api: httpx.Client, worker: Process, start_worker: StartWorker, server: redis.Redis
) -> None:
    job_id = submit(api, stub={"hang": True})
    running(api, job_id)
    start_worker()
    until(lambda: [w["state"] for w in api.get("/queue").json()["workers"]] == ["ready"] * 2, what="a second worker")
    fill(server)

    worker.kill()

    until(lambda: api.get(f"/jobs/{job_id}").json()["attempt"] == 2, what="it runs on the other")
    api.post(f"/jobs/{job_id}/cancel")
    assert done(api, job_id)["status"] == "canceled"
