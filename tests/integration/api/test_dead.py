"""`/dead`: what ended its worker too often can be looked at and queued anew, by its owner alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import redis

from shared.store.executions import Claim, Executions
from tests.integration.api.serving import Serve

STUDIO, AGENCY = {"Authorization": "Bearer one"}, {"Authorization": "Bearer two"}
UNKNOWN = "00000000-0000-0000-0000-000000000000"
Kill = Callable[[str], None]


@pytest.fixture
def api(serve: Serve) -> httpx.Client:
    return serve()


@pytest.fixture
def kill(make_settings: Any) -> Kill:
    """Three workers in a row end with this job."""

    def crash(job_id: str) -> None:
        for number in range(3):
            worker = Executions(make_settings(), f"worker-{number}")
            assert isinstance(worker.claim(job_id), Claim)
            worker.release("crashes")
            worker.close()

    return crash


def posted(api: httpx.Client, prompt: str = "森林", headers: dict[str, str] | None = None, **body: Any) -> str:
    answer = api.post("/jobs", json={"prompt": prompt, **body}, headers=headers or {})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_dead_job_is_listed_with_its_blame_newest_first(api: httpx.Client, kill: Kill) -> None:
    first, second = posted(api, "甲", priority="high", metadata={"clip": 7}), posted(api, "乙")
    assert api.get("/dead").json() == {"jobs": []}

    kill(first)
    kill(second)

    jobs = api.get("/dead").json()["jobs"]
    assert [job["id"] for job in jobs] == [second, first]
    assert jobs[1] | {"failed_at": None} == {
        "id": first,
        "failed_at": None,
        "attempts": 3,
        "crashes": 3,
        "lapses": 0,
        "prompt": "甲",
        "priority": "high",
        "metadata": {"clip": 7},
    }
    assert jobs[1]["failed_at"][:19] == api.get(f"/jobs/{first}").json()["finished_at"][:19]


def test_a_dead_job_is_queued_anew_once_and_leaves_the_list(api: httpx.Client, kill: Kill) -> None:
    job_id = posted(api, "甲", metadata={"clip": 7}, sampling={"seed": 9})
    kill(job_id)

    answer = api.post(f"/dead/{job_id}/requeue")

    assert answer.status_code == 202
    again = api.get(answer.headers["Location"]).json()
    assert (again["status"], again["retry_of"], again["metadata"]) == ("queued", job_id, {"clip": 7})
    assert again["id"] != job_id
    assert api.get(f"/jobs/{job_id}").json()["status"] == "failed"
    assert api.get("/dead").json() == {"jobs": []}
    assert api.post(f"/dead/{job_id}/requeue").status_code == 404


def test_a_dead_job_outlives_its_record(api: httpx.Client, kill: Kill, redis_url: str) -> None:
    job_id = posted(api, result_ttl_s=1)
    kill(job_id)
    with redis.Redis.from_url(redis_url) as client:
        client.delete(f"sq:job:{job_id}")

    assert api.get(f"/jobs/{job_id}").status_code == 410
    assert api.post(f"/dead/{job_id}/requeue").json()["status"] == "queued"


def test_after_a_week_it_is_forgotten(api: httpx.Client, kill: Kill, redis_url: str) -> None:
    job_id = posted(api)
    kill(job_id)
    with redis.Redis.from_url(redis_url) as client:
        client.zincrby("sq:dead", -7 * 86400 * 1000 - 1, job_id)

        assert api.get("/dead").json() == {"jobs": []}
        assert not client.exists("sq:dead", "sq:dead-jobs")


def test_a_deleted_job_leaves_the_dead_list_too(api: httpx.Client, kill: Kill) -> None:
    job_id = posted(api)
    kill(job_id)

    assert api.delete(f"/jobs/{job_id}").status_code == 204
    assert api.get("/dead").json() == {"jobs": []}


def test_a_job_that_is_not_dead_cannot_be_exhumed(api: httpx.Client) -> None:
    assert api.post(f"/dead/{posted(api)}/requeue").status_code == 404
    assert api.post(f"/dead/{UNKNOWN}/requeue").json()["code"] == "not_found"


def test_a_client_sees_and_requeues_its_own_dead_only(serve: Serve, kill: Kill) -> None:
    api = serve(api={"keys": "studio:one,agency:two"})
    job_id = posted(api, headers=STUDIO)
    kill(job_id)

    assert api.get("/dead", headers=AGENCY).json() == {"jobs": []}
    assert api.post(f"/dead/{job_id}/requeue", headers=AGENCY).status_code == 404
    assert [job["id"] for job in api.get("/dead", headers=STUDIO).json()["jobs"]] == [job_id]
    assert api.get("/dead").status_code == 401
