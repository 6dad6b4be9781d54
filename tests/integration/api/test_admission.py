"""Who may queue how much: rates, jobs at once, deadlines. Each refusal says when to come again and keeps nothing."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import redis

from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve

JOB: dict[str, Any] = {"prompt": "x", "use_cache": False}  # each with a generation of its own
KEYS = {"keys": "ann:1,bob:2"}
ANN, BOB = {"Authorization": "Bearer 1"}, {"Authorization": "Bearer 2"}


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def waiting(api: httpx.Client, headers: dict[str, str] | None = None) -> int:
    return sum(api.get("/queue", headers=headers).json()["depth"].values())


def test_a_minutes_jobs_may_come_at_once_and_no_more(serve: Serve) -> None:
    api = serve(api={"rate_per_minute": 3})
    accepted = [api.post("/jobs", json=JOB).status_code for _ in range(3)]

    refused = api.post("/jobs", json=JOB)

    assert accepted == [202] * 3
    assert refusal(refused) == (429, "too_fast")
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert waiting(api) == 3


def test_whoever_comes_again_when_told_is_let_in(serve: Serve, redis_client: redis.Redis) -> None:
    api = serve(api={"rate_per_minute": 2})
    for _ in range(2):
        api.post("/jobs", json=JOB)
    wait_s = int(api.post("/jobs", json=JOB).headers["Retry-After"])
    paid = "sq:paid:anonymous"
    assert redis_client.pttl(paid) <= 60_000

    until, _, _ = str(redis_client.get(paid)).partition(" ")
    redis_client.set(paid, float(until) - wait_s * 1000)  # as if it had waited

    assert [api.post("/jobs", json=JOB).status_code for _ in range(2)] == [202, 429]


def test_each_client_has_its_own_rate_over_all_processes(serve: Serve) -> None:
    one, other = (serve(api={**KEYS, "rate_per_minute": 2}) for _ in range(2))

    answers = [api.post("/jobs", json=JOB, headers=ANN).status_code for api in (one, other, one, other)]

    assert answers == [202, 202, 429, 429]
    assert one.post("/jobs", json=JOB, headers=BOB).status_code == 202


def test_a_repeated_post_and_a_faulty_one_cost_nothing(serve: Serve) -> None:
    api = serve(api={"rate_per_minute": 2, "max_active": 2})
    key = {"Idempotency-Key": "once"}
    api.post("/jobs", json=JOB, headers=key)
    for _ in range(5):
        assert api.post("/jobs", json=JOB, headers=key).headers["Idempotency-Replayed"] == "true"
        assert api.post("/jobs", json={"prompt": ""}).status_code == 422

    assert api.post("/jobs", json=JOB).status_code == 202
    assert api.post("/jobs", json=JOB, headers=key).status_code == 202
    assert api.post("/jobs", json=JOB).status_code == 429


def test_every_job_of_a_batch_counts_and_a_large_one_is_paid_off_afterwards(serve: Serve) -> None:
    api = serve(api={**KEYS, "rate_per_minute": 3})
    two, four = ({"jobs": [JOB] * count} for count in (2, 4))

    assert api.post("/batches", json=two, headers=ANN).status_code == 202
    assert refusal(api.post("/batches", json=two, headers=ANN)) == (429, "too_fast")
    assert api.post("/jobs", json=JOB, headers=ANN).status_code == 202
    assert api.post("/batches", json=four, headers=BOB).status_code == 202
    refused = api.post("/jobs", json=JOB, headers=BOB)
    assert 20 < int(refused.headers["Retry-After"]) <= 40  # one above the minute's three, and this one
    assert waiting(api, ANN) == 7


@pytest.mark.parametrize("end", ["succeeded", "failed", "canceled", "canceling"])
def test_a_client_may_have_so_many_jobs_at_once(serve: Serve, worker: HandWorker, end: str) -> None:
    api = serve(api={**KEYS, "max_active": 2})
    first, _ = (api.post("/jobs", json=JOB, headers=ANN).json()["id"] for _ in range(2))

    refused = api.post("/jobs", json=JOB, headers=ANN)
    assert refusal(refused) == (429, "too_many_active")
    assert int(refused.headers["Retry-After"]) >= 1
    assert api.post("/jobs", json=JOB, headers=BOB).status_code == 202
    claim = None if end == "canceled" else worker.claim(first)
    assert api.post("/jobs", json=JOB, headers=ANN).status_code == 429  # a running one counts
    if end == "succeeded":
        worker.succeed(claim)  # type: ignore[arg-type]
    elif end == "failed":
        worker.fail(claim)  # type: ignore[arg-type]
    else:
        api.post(f"/jobs/{first}/cancel", headers=ANN)
    if end == "canceling":
        assert api.post("/jobs", json=JOB, headers=ANN).status_code == 429
        worker.confirm_cancel(claim)  # type: ignore[arg-type]
    assert [api.post("/jobs", json=JOB, headers=ANN).status_code for _ in range(2)] == [202, 429]


def test_a_batch_that_could_never_be_let_in_says_so(serve: Serve) -> None:
    api = serve(api={"max_active": 2})

    assert refusal(api.post("/batches", json={"jobs": [JOB] * 3})) == (422, "invalid_request")
    assert api.post("/batches", json={"jobs": [JOB] * 2}).status_code == 202
    assert refusal(api.post("/batches", json={"jobs": [JOB]})) == (429, "too_many_active")
    assert waiting(api) == 2


def test_no_client_holds_more_places_of_the_queue_than_it_leaves_free(serve: Serve) -> None:
    api = serve(api={**KEYS, "max_queued": 9})

    def sent(headers: dict[str, str], count: int) -> list[int]:
        return [api.post("/jobs", json=JOB, headers=headers).status_code for _ in range(count)]

    assert sent(ANN, 5) == [202] * 4 + [429]
    assert sent(BOB, 3) == [202] * 2 + [429]
    refused = api.post("/batches", json={"jobs": [JOB, JOB]}, headers=BOB)
    assert refusal(refused) == (429, "too_many_waiting")
    assert refused.json()["detail"] == (
        "2 of your jobs wait, and 3 places are free; you may hold no more places than stay free for others"
    )
    assert waiting(api, ANN) == 6


def test_one_job_a_client_may_wait_while_there_is_a_place(serve: Serve) -> None:
    api = serve(api={**KEYS, "max_queued": 2})

    answers = [refusal(api.post("/jobs", json=JOB, headers=key)) for key in (ANN, ANN, BOB, BOB)]

    assert answers == [(202, ""), (429, "too_many_waiting"), (202, ""), (503, "queue_full")]


@pytest.mark.parametrize("keys", ["", "ann:1", "ann:1,ann:2"])
def test_whoever_is_the_only_client_may_fill_the_queue(serve: Serve, keys: str) -> None:
    api = serve(api={"keys": keys, "max_queued": 3})

    answers = [refusal(api.post("/jobs", json=JOB, headers=ANN)) for _ in range(4)]

    assert answers == [(202, "")] * 3 + [(503, "queue_full")]


def test_retries_and_requeues_count_too(serve: Serve, worker: HandWorker) -> None:
    api = serve(api={"rate_per_minute": 1})
    job_id = api.post("/jobs", json=JOB).json()["id"]
    worker.fail(worker.claim(job_id))

    assert refusal(api.post(f"/jobs/{job_id}/retry")) == (429, "too_fast")


def busy(api: httpx.Client, worker: HandWorker, redis_client: redis.Redis, count: int = 20) -> None:
    """A queue that was measured: a job takes 30 s, two run at once."""
    worker.beat()
    worker.succeed(worker.claim(api.post("/jobs", json=JOB).json()["id"]))
    (cost,) = (float(v) for k, v in redis_client.hgetall("sq:rates").items() if str(k).endswith("cost"))
    redis_client.hset("sq:rates", "stub none none ms", 30_000)
    assert cost > 0
    for _ in range(count):
        api.post("/jobs", json=JOB)


def test_a_deadline_that_cannot_be_met_is_refused_with_the_earliest_time(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    busy(api, worker, redis_client)
    now = datetime.now(UTC)
    soon, late = ({**JOB, "deadline": (now + timedelta(seconds=s)).isoformat()} for s in (100, 1000))

    refused = api.post("/jobs", json=soon)

    earliest = datetime.fromisoformat(refused.json()["earliest_start"])
    assert refusal(refused) == (422, "deadline_too_soon")
    assert 200 < (earliest - now).total_seconds() < 400  # twenty jobs of 30 s in two rows
    assert refused.json()["detail"].startswith("/deadline: ")
    assert waiting(api) == 20
    assert api.post("/jobs", json=late).status_code == 202
    assert api.post("/jobs", json={**soon, "priority": "high"}).status_code == 202


def test_in_a_batch_the_job_whose_deadline_is_too_soon_is_named(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    busy(api, worker, redis_client, count=2)
    deadline = (datetime.now(UTC) + timedelta(seconds=100)).isoformat()

    refused = api.post("/batches", json={"jobs": [{**JOB, "deadline": deadline}] * 20})

    assert refusal(refused) == (422, "deadline_too_soon")
    assert 3 < int(refused.json()["detail"].split("/")[2]) < 10
    assert waiting(api) == 2


def test_without_an_eta_a_deadline_is_taken_unless_it_has_passed(api: httpx.Client) -> None:
    now = datetime.now(UTC)
    past, future = ({**JOB, "deadline": (now + timedelta(seconds=s)).isoformat()} for s in (-5, 60))
    key: dict[str, Any] = {"Idempotency-Key": "k"}

    assert refusal(api.post("/jobs", json=past)) == (422, "deadline_too_soon")
    assert api.post("/jobs", json=future, headers=key).status_code == 202
    assert api.post("/jobs", json=future, headers=key).headers["Idempotency-Replayed"] == "true"


def test_a_full_queue_says_when_a_place_may_be_free(
    serve: Serve, worker: HandWorker, redis_client: redis.Redis
) -> None:
    api = serve(api={"max_queued": 3})
    busy(api, worker, redis_client, count=3)
    assert waiting(api) == 3  # the figures are fresh

    refused = api.post("/jobs", json=JOB)

    assert refusal(refused) == (503, "queue_full")
    assert int(refused.headers["Retry-After"]) == math.ceil(30 / 2)
