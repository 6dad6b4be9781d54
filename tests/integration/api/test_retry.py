"""POST /jobs/{id}/retry: one more try is a new job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import redis

from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve

BODY: dict[str, Any] = {"prompt": "森林", "priority": "high", "min_scenes": 4, "metadata": {"shot": "7b"}}


def failed(api: httpx.Client, worker: HandWorker, **body: Any) -> str:
    job_id = str(api.post("/jobs", json={**BODY, **body}).json()["id"])
    worker.fail(worker.claim(job_id))
    return job_id


def test_a_retry_is_a_new_job_that_names_the_old_one(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    old = failed(api, worker)
    redis_client.delete("sq:jobs")  # the doorbell of the old one

    response = api.post(f"/jobs/{old}/retry")

    job = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"/jobs/{job['id']}"
    assert int(response.headers["Retry-After"]) >= 1
    assert (job["retry_of"], job["status"], job["attempt"]) == (old, "queued", 0)
    assert worker.next_id() == job["id"] != old
    assert api.get(response.headers["Location"]).json() == job
    assert api.get(f"/jobs/{old}").json()["status"] == "failed"
    assert api.get(f"/jobs/{old}").json()["retry_of"] is None


def test_a_retry_asks_for_the_same_with_a_seed_of_its_own(api: httpx.Client, worker: HandWorker) -> None:
    ids = [str(api.post("/jobs", json=BODY).json()["id"])]
    claims = [worker.claim(ids[0])]
    worker.fail(claims[0])
    claims.append(worker.claim(api.post(f"/jobs/{ids[0]}/retry").json()["id"]))

    old, new = (claim.request.model_dump() for claim in claims)
    seeds = [request["sampling"].pop("seed") for request in (old, new)]
    assert old == new
    assert seeds[0] != seeds[1]


def test_a_seed_that_was_asked_for_is_kept(api: httpx.Client, worker: HandWorker) -> None:
    old = failed(api, worker, sampling={"seed": 7})

    assert worker.claim(api.post(f"/jobs/{old}/retry").json()["id"]).request.sampling.seed == 7


def test_a_canceled_and_an_expired_job_can_be_tried_again(api: httpx.Client, redis_client: redis.Redis) -> None:
    canceled, expired = (str(api.post("/jobs", json=BODY).json()["id"]) for _ in range(2))
    api.post(f"/jobs/{canceled}/cancel")
    redis_client.zadd("sq:expiring", {expired: 1})
    waited = api.get(f"/jobs/{expired}", headers={"Prefer": "wait=10"}).json()

    assert waited["status"] == "expired"
    assert [api.post(f"/jobs/{job_id}/retry").status_code for job_id in (canceled, expired)] == [202, 202]


def test_a_job_that_may_still_succeed_or_did_is_not_tried_again(api: httpx.Client, worker: HandWorker) -> None:
    job_id = api.post("/jobs", json=BODY).json()["id"]
    answers = [api.post(f"/jobs/{job_id}/retry")]
    claim = worker.claim(job_id)
    answers.append(api.post(f"/jobs/{job_id}/retry"))
    worker.succeed(claim)
    answers.append(api.post(f"/jobs/{job_id}/retry"))

    assert [(r.status_code, r.json()["code"]) for r in answers] == [(409, "not_retryable")] * 3
    assert [r.json()["detail"] for r in answers] == [
        f"The job is {status}" for status in ("queued", "running", "succeeded")
    ]
    assert len(api.get("/jobs").json()["jobs"]) == 1


def test_a_job_whose_deadline_has_passed_is_not_queued_to_expire_again(api: httpx.Client, worker: HandWorker) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    job_id = api.post("/jobs", json={**BODY, "deadline": soon.isoformat()}).json()["id"]
    while not api.get(f"/jobs/{job_id}", headers={"Prefer": "wait=10"}).json()["done"]:
        pass

    response = api.post(f"/jobs/{job_id}/retry")

    assert (response.status_code, response.json()["code"]) == (409, "not_retryable")
    assert "deadline" in response.json()["detail"]


def test_a_repeated_retry_is_answered_with_the_first_ones_job(api: httpx.Client, worker: HandWorker) -> None:
    old = failed(api, worker)
    key = {"Idempotency-Key": "again"}

    first, again = (api.post(f"/jobs/{old}/retry", headers=key) for _ in range(2))
    other = api.post("/jobs", json=BODY, headers=key)

    assert first.json() == again.json()
    assert [r.headers.get("Idempotency-Replayed") for r in (first, again)] == [None, "true"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_only_the_clients_own_jobs_that_are_there_can_be_tried_again(serve: Serve, worker: HandWorker) -> None:
    api = serve(api={"keys": "studio:1,agency:2"})
    studio, agency = ({"Authorization": f"Bearer {key}"} for key in ("1", "2"))
    job_id = api.post("/jobs", json=BODY, headers=studio).json()["id"]
    worker.fail(worker.claim(job_id))

    foreign = api.post(f"/jobs/{job_id}/retry", headers=agency)
    api.delete(f"/jobs/{job_id}", headers=studio)
    deleted = api.post(f"/jobs/{job_id}/retry", headers=studio)

    assert (foreign.status_code, deleted.status_code) == (404, 410)


def test_a_full_queue_takes_no_retry(serve: Serve, worker: HandWorker) -> None:
    api = serve(api={"max_queued": 1})
    old = failed(api, worker)
    api.post("/jobs", json={"prompt": "海"})

    assert api.post(f"/jobs/{old}/retry").json()["code"] == "queue_full"


@pytest.mark.parametrize("job_id", ["0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10", "1"])
def test_a_job_that_never_was_is_not_tried_again(api: httpx.Client, job_id: str) -> None:
    assert api.post(f"/jobs/{job_id}/retry").status_code == 404


def test_a_retry_may_be_given_another_time_to_run(api: httpx.Client, worker: HandWorker) -> None:
    old = failed(api, worker, execution_timeout_s=30)
    key = {"Idempotency-Key": "longer"}

    first, again, other = (
        api.post(f"/jobs/{old}/retry", params={"execution_timeout_s": limit_s}, headers=key)
        for limit_s in (600, 600.0, 700)
    )

    assert api.get(f"/jobs/{first.json()['id']}/request").json()["execution_timeout_s"] == 600
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    plain = api.post(f"/jobs/{old}/retry").json()["id"]
    assert api.get(f"/jobs/{plain}/request").json()["execution_timeout_s"] == 30


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "86401", "x", ""])
def test_a_time_that_is_none_is_refused(api: httpx.Client, limit: str) -> None:
    answer = api.post("/jobs/00000000-0000-4000-8000-000000000000/retry", params={"execution_timeout_s": limit})

    assert answer.status_code == 422
    assert "execution_timeout_s" in answer.text
