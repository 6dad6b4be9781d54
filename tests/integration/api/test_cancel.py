"""POST /jobs/ID/cancel: at once while queued, by agreement while running, never after the end."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from tests.integration.api.handworker import HandWorker


def submit(api: httpx.Client) -> str:
    return str(api.post("/jobs", json={"prompt": "森林"}).raise_for_status().json()["id"])


def cancel(api: httpx.Client, job_id: str) -> tuple[int, Any]:
    response = api.post(f"/jobs/{job_id}/cancel")
    return response.status_code, response.json()["status"]


def test_a_queued_job_is_canceled_at_once_and_leaves_the_queue(api: httpx.Client) -> None:
    job_id = submit(api)

    assert [cancel(api, job_id) for _ in range(3)] == [(200, "canceled")] * 3
    assert api.get("/queue").json()["depth"] == {"high": 0, "normal": 0, "low": 0}


def test_a_running_job_is_canceling_until_the_worker_lets_go(api: httpx.Client, worker: HandWorker) -> None:
    job_id = submit(api)
    claim = worker.claim(job_id)

    assert [cancel(api, job_id) for _ in range(2)] == [(202, "canceling")] * 2
    worker.confirm_cancel(claim)
    assert cancel(api, job_id) == (200, "canceled")


def test_a_job_that_is_done_stays_as_it_is(api: httpx.Client, worker: HandWorker) -> None:
    job_id = submit(api)
    worker.succeed(worker.claim(job_id))

    assert cancel(api, job_id) == (200, "succeeded")
    assert api.get(f"/jobs/{job_id}/result").status_code == 200


def test_a_job_that_was_deleted_is_gone_for_who_cancels_it(api: httpx.Client) -> None:
    job_id = submit(api)
    cancel(api, job_id)
    api.delete(f"/jobs/{job_id}").raise_for_status()

    answer = api.post(f"/jobs/{job_id}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (410, "gone")


def test_an_unknown_job_cannot_be_canceled(api: httpx.Client) -> None:
    assert api.post(f"/jobs/{uuid4()}/cancel").status_code == 404
