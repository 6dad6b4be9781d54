"""DELETE /jobs/{id}: what is left of a job, and what is not."""

from __future__ import annotations

import httpx
import pytest
import redis

from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve

STRANGER = "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"


@pytest.fixture
def finished(api: httpx.Client, worker: HandWorker) -> str:
    job_id = str(api.post("/jobs", json={"prompt": "a secret plan"}).json()["id"])
    worker.succeed(worker.claim(job_id))
    return job_id


def test_a_deleted_job_is_gone_at_every_address(api: httpx.Client, finished: str) -> None:
    deleted = api.delete(f"/jobs/{finished}")

    answers = [
        api.get(f"/jobs/{finished}"),
        api.get(f"/jobs/{finished}/result"),
        api.post(f"/jobs/{finished}/cancel"),
        api.delete(f"/jobs/{finished}"),
    ]
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [(r.status_code, r.json()["code"]) for r in answers] == [(410, "gone")] * 4
    assert api.get("/jobs").json()["jobs"] == []


def test_nothing_of_a_deleted_job_is_kept_but_that_it_was_there(
    api: httpx.Client, finished: str, redis_client: redis.Redis
) -> None:
    api.delete(f"/jobs/{finished}")

    kept = [key for key in redis_client.scan_iter("*") if finished in key]
    assert kept == [f"sq:gone:{finished}"]
    assert 6.9 * 86400 < redis_client.ttl(f"sq:gone:{finished}") <= 7 * 86400
    assert redis_client.get(f"sq:gone:{finished}") == "anonymous"


def test_a_job_that_is_not_done_is_not_deleted(api: httpx.Client, worker: HandWorker) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    queued = api.delete(f"/jobs/{job_id}")
    claim = worker.claim(job_id)
    running = api.delete(f"/jobs/{job_id}")
    api.post(f"/jobs/{job_id}/cancel")
    canceling = api.delete(f"/jobs/{job_id}")
    worker.confirm_cancel(claim)

    answers = [queued, running, canceling]
    assert [(r.status_code, r.json()["code"]) for r in answers] == [(409, "not_finished")] * 3
    assert [r.json()["detail"].split(";")[0] for r in answers] == [
        f"The job is {status}" for status in ("queued", "running", "canceling")
    ]
    assert api.delete(f"/jobs/{job_id}").status_code == 204


def test_a_job_past_its_lifetime_is_gone_and_one_that_never_was_not_found(
    api: httpx.Client, finished: str, redis_client: redis.Redis
) -> None:
    redis_client.delete(f"sq:job:{finished}")  # what its time to live does

    assert api.delete(f"/jobs/{finished}").status_code == 410
    assert api.delete(f"/jobs/{STRANGER}").status_code == 404
    assert api.delete("/jobs/1").status_code == 404


def test_another_clients_job_is_neither_deleted_nor_told_of(serve: Serve, worker: HandWorker) -> None:
    api = serve(api={"keys": "studio:1,agency:2"})
    studio, agency = ({"Authorization": f"Bearer {key}"} for key in ("1", "2"))
    job_id = api.post("/jobs", json={"prompt": "x"}, headers=studio).json()["id"]
    worker.succeed(worker.claim(job_id))

    answers = [api.delete(f"/jobs/{job_id}", headers=agency)]
    still_there = api.get(f"/jobs/{job_id}", headers=studio).status_code
    api.delete(f"/jobs/{job_id}", headers=studio)
    answers.append(api.delete(f"/jobs/{job_id}", headers=agency))

    assert [(r.status_code, r.json()["code"]) for r in answers] == [(404, "not_found")] * 2
    assert still_there == 200


def test_a_repeated_post_does_not_bring_a_deleted_job_back(api: httpx.Client, worker: HandWorker) -> None:
    key = {"Idempotency-Key": "one"}
    job_id = api.post("/jobs", json={"prompt": "x"}, headers=key).json()["id"]
    worker.succeed(worker.claim(job_id))
    api.delete(f"/jobs/{job_id}")

    assert api.post("/jobs", json={"prompt": "x"}, headers=key).status_code == 410
