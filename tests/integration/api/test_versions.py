"""Old and new versions side by side: what one does not understand it leaves alone, and says so."""

from __future__ import annotations

from typing import Any

import httpx
import redis

from shared.rings import Ring
from shared.store.executions import Executions, Refused
from tests.integration.api.handworker import HandWorker

FORMAT = 2


def newer_job(api: httpx.Client, redis_client: redis.Redis) -> str:
    """A job as a version writes it that knows more than this one."""
    job_id = str(api.post("/jobs", json={"prompt": "雨中的猫"}).json()["id"])
    redis_client.hset(f"sq:job:{job_id}", mapping={"format": FORMAT, "status_of_two_words": "queued twice"})
    return job_id


def test_a_worker_leaves_a_newer_job_to_a_worker_that_knows_it(
    api: httpx.Client, redis_client: redis.Redis, make_settings: Any
) -> None:
    job_id = newer_job(api, redis_client)

    answer = Executions(make_settings(), "older").claim(job_id)

    assert answer == Refused("newer")
    assert redis_client.hget(f"sq:job:{job_id}", "status") == "queued"
    assert redis_client.zscore("sq:queued:normal", job_id) is not None


def test_an_older_worker_is_not_the_last_word_on_a_newer_job(
    api: httpx.Client, redis_client: redis.Redis, make_settings: Any
) -> None:
    job_id = newer_job(api, redis_client)
    redis_client.delete("sq:jobs", "sq:jobs/1", "sq:jobs/2", "sq:sweep-lock")  # its doorbell went to the older one
    redis_client.hset(f"sq:job:{job_id}", "rung", 0)

    rings = Executions(make_settings(), "older").sweep()

    assert rings == [Ring(job_id, "normal")]


def test_an_api_says_that_it_cannot_tell_of_a_newer_job(api: httpx.Client, redis_client: redis.Redis) -> None:
    job_id = newer_job(api, redis_client)

    answer = api.get(f"/jobs/{job_id}")

    assert (answer.status_code, answer.json()["code"]) == (503, "record_newer")
    assert "retry-after" in answer.headers


def test_an_older_api_does_not_cancel_what_it_cannot_tell_of(api: httpx.Client, redis_client: redis.Redis) -> None:
    job_id = newer_job(api, redis_client)

    answer = api.post(f"/jobs/{job_id}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (503, "record_newer")
    assert redis_client.hget(f"sq:job:{job_id}", "status") == "queued"


def test_what_a_newer_worker_says_besides_hides_it_from_nobody(
    api: httpx.Client, redis_client: redis.Redis, worker: HandWorker
) -> None:
    worker.beat()
    state = str(redis_client.get("sq:worker:by-hand"))
    redis_client.set("sq:worker:by-hand", state[:-1] + ', "mood": "fine"}')

    assert [shown["worker"] for shown in api.get("/queue").json()["workers"]] == ["by-hand"]
    assert api.get("/readyz").status_code == 200
