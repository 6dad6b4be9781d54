"""/batches: all or none, in order, counted and canceled together."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import redis

from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve


def jobs(*prompts: str, **fields: Any) -> dict[str, Any]:
    return {"jobs": [{"prompt": prompt, **fields} for prompt in prompts]}


def counts(batch: httpx.Response) -> dict[str, int]:
    return {status: count for status, count in batch.json()["counts"].items() if count}


def test_a_batch_queues_every_job_in_its_order_and_rings_for_each(api: httpx.Client, worker: HandWorker) -> None:
    response = api.post("/batches", json=jobs("a", "b", "c"))

    batch = response.json()
    assert response.status_code == 202
    assert (batch["total"], batch["done"], counts(response)) == (3, False, {"queued": 3})
    assert {worker.next_id() for _ in range(3)} == set(batch["jobs"])
    assert [worker.claim(job_id).request.prompt for job_id in batch["jobs"]] == ["a", "b", "c"]
    assert api.get(response.headers["Location"]).json()["jobs"] == batch["jobs"]


def test_a_batch_counts_its_jobs_by_status_until_all_are_done(api: httpx.Client, worker: HandWorker) -> None:
    batch = api.post("/batches", json=jobs("a", "b", "c", "d")).json()
    worker.succeed(worker.claim(batch["jobs"][0]))
    worker.fail(worker.claim(batch["jobs"][1]))
    last = worker.claim(batch["jobs"][2])
    api.post(f"/jobs/{batch['jobs'][3]}/cancel")
    half = api.get(batch["urls"]["self"])
    worker.succeed(last)
    api.delete(f"/jobs/{batch['jobs'][0]}")
    whole = api.get(batch["urls"]["self"])

    assert counts(half) == {"succeeded": 1, "failed": 1, "running": 1, "canceled": 1}
    assert counts(whole) == {"succeeded": 1, "failed": 1, "gone": 1, "canceled": 1}
    assert [b.json()["done"] for b in (half, whole)] == [False, True]


def test_a_canceled_batch_stops_what_is_not_done(api: httpx.Client, worker: HandWorker) -> None:
    batch = api.post("/batches", json=jobs("a", "b", "c")).json()
    worker.succeed(worker.claim(batch["jobs"][0]))
    claim = worker.claim(batch["jobs"][1])
    first = api.post(batch["urls"]["cancel"])
    worker.confirm_cancel(claim)
    second = api.post(batch["urls"]["cancel"])

    assert [(r.status_code, counts(r)) for r in (first, second)] == [
        (202, {"succeeded": 1, "canceling": 1, "canceled": 1}),
        (200, {"succeeded": 1, "canceled": 2}),
    ]


@pytest.mark.parametrize(
    ("bad", "code", "pointer"),
    [
        ({"prompt": "x", "min_scenes": 0}, "invalid_request", "/jobs/1/min_scenes"),
        ({"prompt": "x", "min_scenes": 6}, "invalid_request", "/jobs/1: max_new_tokens"),
        ({"prompt": "x", "webhook": {"url": "https://example.com"}}, "invalid_request", "/jobs/1/webhook: "),
    ],
    ids=["bad field", "does not fit the service's default", "webhook"],
)
def test_one_bad_job_refuses_the_batch_and_is_named(
    serve: Serve, redis_client: redis.Redis, bad: dict[str, Any], code: str, pointer: str
) -> None:
    api = serve(generation={"max_new_tokens": 100})

    response = api.post("/batches", json={"jobs": [{"prompt": "x"}, bad]})

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert pointer in response.json()["detail"]
    assert redis_client.keys("sq:job:*") == []


def test_a_batch_that_the_queue_cannot_hold_leaves_nothing_behind(serve: Serve, redis_client: redis.Redis) -> None:
    api = serve(api={"max_queued": 2})

    response = api.post("/batches", json=jobs("a", "b", "c"))

    assert (response.status_code, response.json()["code"]) == (503, "queue_full")
    assert redis_client.keys("sq:job:*") == redis_client.keys("sq:batch*") == []


def test_a_thousand_jobs_are_taken_and_one_more_is_not(api: httpx.Client) -> None:
    accepted = api.post("/batches", json=jobs(*["x"] * 1000))
    refused = api.post("/batches", json=jobs(*["x"] * 1001))

    assert (accepted.status_code, len(set(accepted.json()["jobs"]))) == (202, 1000)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/jobs")
    assert counts(api.post(accepted.json()["urls"]["cancel"])) == {"canceled": 1000}


def test_an_empty_batch_and_one_above_16_mb_are_refused(api: httpx.Client) -> None:
    answers = [api.post("/batches", json={"jobs": []}), api.post("/batches", json={"jobs": "x" * 16 * 1024 * 1024})]

    assert [r.json()["code"] for r in answers] == ["invalid_request", "body_too_large"]


def test_a_repeated_batch_is_answered_with_the_first(api: httpx.Client, redis_client: redis.Redis) -> None:
    key = {"Idempotency-Key": "one"}
    first, again = (api.post("/batches", json=jobs("a", "b"), headers=key) for _ in range(2))
    other = api.post("/batches", json=jobs("b", "a"), headers=key)

    assert first.json() == again.json()
    assert [r.headers.get("Idempotency-Replayed") for r in (first, again)] == [None, "true"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(redis_client.keys("sq:job:*")) == 2


def test_another_clients_batch_and_one_that_never_was_are_not_found(serve: Serve) -> None:
    api = serve(api={"keys": "studio:1,agency:2"})
    studio, agency = ({"Authorization": f"Bearer {key}"} for key in ("1", "2"))
    batch = api.post("/batches", json=jobs("a"), headers=studio).json()

    answers = [
        api.get(batch["urls"]["self"], headers=agency),
        api.post(batch["urls"]["cancel"], headers=agency),
        api.get("/batches/0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10", headers=studio),
        api.get("/batches/1", headers=studio),
    ]

    assert [(r.status_code, r.json()["code"]) for r in answers] == [(404, "batch_not_found")] * 4
    assert counts(api.get(batch["urls"]["self"], headers=studio)) == {"queued": 1}


def test_a_batch_is_remembered_longer_than_its_jobs(api: httpx.Client, redis_client: redis.Redis) -> None:
    batch = api.post("/batches", json=jobs("a", queue_timeout_s=10, execution_timeout_s=10, result_ttl_s=10)).json()

    for key in ("batch", "batch-jobs"):
        assert 7 * 86400 < redis_client.ttl(f"sq:{key}:{batch['id']}") <= 7 * 86400 + 30


def test_a_job_tells_the_batch_that_it_came_in(api: httpx.Client, worker: HandWorker) -> None:
    batch = api.post("/batches", json=jobs("a", "b")).json()
    alone = api.post("/jobs", json={"prompt": "c"}).json()
    worker.fail(worker.claim(batch["jobs"][0]))
    again = api.post(f"/jobs/{batch['jobs'][0]}/retry").json()

    assert {api.get(f"/jobs/{job_id}").json()["batch"] for job_id in batch["jobs"]} == {batch["id"]}
    assert (alone["batch"], again["batch"]) == (None, None)
