"""`Idempotency-Key`: a repeated POST makes nothing new."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from scriptqueue.schemas import DECIDING_LATER, JobRequest, Sampling
from shared.store.entry import fingerprint
from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve

KEY = {"Idempotency-Key": "one"}


def records(redis_client: redis.Redis) -> int:
    return len(list(redis_client.scan_iter("sq:job:*")))


def test_a_repeated_post_is_answered_with_the_first_job(api: httpx.Client, redis_client: redis.Redis) -> None:
    first = api.post("/jobs", json={"prompt": "x"}, headers=KEY)
    again = api.post("/jobs", json={"prompt": "x"}, headers=KEY)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert [r.headers.get("Idempotency-Replayed") for r in (first, again)] == [None, "true"]
    assert records(redis_client) == 1


def test_a_repeated_post_that_meets_a_finished_job_is_given_its_result(api: httpx.Client, worker: HandWorker) -> None:
    api.post("/jobs", json={"prompt": "x"}, headers=KEY)
    worker.succeed(worker.claim(worker.next_id()))

    again = api.post("/jobs", json={"prompt": "x"}, headers=KEY)

    assert (again.status_code, again.json()["status"]) == (200, "succeeded")


def test_a_hundred_posts_at_once_with_one_key_make_one_job(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    with ThreadPoolExecutor(100) as pool:
        posted = [pool.submit(api.post, "/jobs", json={"prompt": "x"}, headers=KEY) for _ in range(100)]
        answers = [future.result(60) for future in posted]

    assert {r.status_code for r in answers} == {202}
    assert {r.json()["id"] for r in answers} == {worker.next_id()}
    assert [r.headers.get("Idempotency-Replayed") for r in answers].count("true") == 99
    assert records(redis_client) == 1


def test_a_key_sent_with_another_body_is_refused(api: httpx.Client, redis_client: redis.Redis) -> None:
    api.post("/jobs", json={"prompt": "x"}, headers=KEY)

    other = api.post("/jobs", json={"prompt": "y"}, headers=KEY)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert records(redis_client) == 1


def test_bodies_that_mean_the_same_are_the_same(api: httpx.Client) -> None:
    bodies: list[dict[str, Any]] = [
        {"prompt": "x", "metadata": {"a": 1, "b": 2}},
        {"metadata": {"b": 2, "a": 1}, "prompt": "x", "min_scenes": 3},
    ]

    assert len({api.post("/jobs", json=body, headers=KEY).json()["id"] for body in bodies}) == 1


def test_a_key_counts_for_its_client_only(serve: Serve) -> None:
    api = serve(api={"keys": "studio:1,agency:2"})

    answers = [
        api.post("/jobs", json={"prompt": prompt}, headers={**KEY, "Authorization": f"Bearer {key}"})
        for prompt, key in (("x", "1"), ("y", "2"))
    ]

    assert [r.status_code for r in answers] == [202, 202]
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_new_settings_of_the_service_make_no_repeated_post_another_one(serve: Serve) -> None:
    answers = [
        serve(generation={"temperature": temperature}).post("/jobs", json={"prompt": "x"}, headers=KEY)
        for temperature in (0.2, 0.9)
    ]

    assert answers[0].json() == answers[1].json()


def test_a_repeated_post_is_answered_even_when_the_queue_is_full(serve: Serve) -> None:
    api = serve(api={"max_queued": 1})
    first = api.post("/jobs", json={"prompt": "x"}, headers=KEY)

    assert api.post("/jobs", json={"prompt": "x"}, headers=KEY).json()["id"] == first.json()["id"]


def test_a_post_that_was_refused_leaves_its_key_free(serve: Serve) -> None:
    full, roomy = serve(api={"max_queued": 1}), serve()
    full.post("/jobs", json={"prompt": "x"})
    refused = full.post("/jobs", json={"prompt": "y"}, headers=KEY)

    assert refused.status_code == 503
    assert "Idempotency-Replayed" not in roomy.post("/jobs", json={"prompt": "y"}, headers=KEY).headers


def test_a_repeated_post_whose_job_is_gone_is_410_and_makes_no_other(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}, headers=KEY).json()["id"]
    worker.succeed(worker.claim(worker.next_id()))
    redis_client.delete(f"sq:job:{job_id}")  # what its time to live does

    assert api.post("/jobs", json={"prompt": "x"}, headers=KEY).status_code == 410
    assert records(redis_client) == 0


def test_a_key_is_kept_for_a_day(api: httpx.Client, redis_client: redis.Redis) -> None:
    api.post("/jobs", json={"prompt": "x"}, headers=KEY)

    assert 86_000 < int(redis_client.ttl("sq:once:anonymous:one")) <= 86_400


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "schlüssel".encode()])
def test_what_is_no_key_is_refused(api: httpx.Client, redis_client: redis.Redis, key: Any) -> None:
    response = api.post("/jobs", json={"prompt": "x"}, headers={"Idempotency-Key": key})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert "Idempotency-Key" in response.json()["detail"]
    assert records(redis_client) == 0


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_fingerprint_is_of_one_json_text_also_where_it_is_made_piece_by_piece(count: int) -> None:
    """Keys of the version before are still held against it, a day long."""
    requests = [JobRequest(prompt=f"雨 {number}", sampling=Sampling(seed=number)) for number in range(count)]
    later = {"read_prompt", *DECIDING_LATER}
    bodies = [one.model_dump(mode="json", exclude=later) for one in requests]
    bodies = [body | {"sampling": {"seed": one.sampling.seed}} for body, one in zip(bodies, requests, strict=True)]
    whole = json.dumps(["batch", bodies], sort_keys=True)

    assert fingerprint("batch", requests) == hashlib.sha256(whole.encode()).hexdigest()
