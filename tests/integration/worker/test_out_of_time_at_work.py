"""A job whose time runs out, with a worker, Redis and the API: its board is closed, or its scenes stay to be had."""

from __future__ import annotations

import csv
import io
import json

import httpx
import pytest

from tests.integration.worker.processes import Process, done, submit

SECONDS = {"seconds": 8, "scenes": 8}  # a scene a second


def test_with_scenes_enough_its_board_is_closed_and_answers_no_other(api: httpx.Client, worker: Process) -> None:
    first = submit(api, stub=SECONDS, max_scenes=8, execution_timeout_s=3.6, use_cache=True)
    follower = submit(api, stub=SECONDS, max_scenes=8, use_cache=True)

    job, other = done(api, first), done(api, follower)

    assert (job["status"], job["source"], len(job["result"]["scenes"])) == ("succeeded", "stub", 3)
    assert (
        "closed early: the 3.6 s that it may run were over, and what came after scene 3 was left out" in job["repairs"]
    )
    assert job["scenes"] == job["result"]["scenes"]
    assert (other["status"], len(other["result"]["scenes"])) == ("succeeded", 8)
    assert other["result"]["scenes"][:3] == job["scenes"]


@pytest.mark.parametrize(
    "limits", [{"min_scenes": 4}, {"target_duration_s": 40, "max_scenes": 8}], ids=["scenes too few", "seconds to meet"]
)
def test_without_them_it_fails_and_its_scenes_stay_to_be_had(
    api: httpx.Client, worker: Process, limits: dict[str, int]
) -> None:
    job_id = submit(api, "雨中的猫", stub=SECONDS, execution_timeout_s=2.5, **limits)

    job = done(api, job_id)

    assert (job["status"], job["error"]["code"], len(job["scenes"])) == ("failed", "timeout", 2)
    assert "2 of at least" in job["error"]["detail"]
    assert job["error"]["detail"].endswith("retry it with a longer execution_timeout_s")
    assert api.get(f"/jobs/{job_id}/result").status_code == 409
    as_csv, as_json = (api.get(f"/jobs/{job_id}/result", params={"format": name}) for name in ("csv", "json"))
    assert [row["description"] for row in csv.DictReader(io.StringIO(as_csv.content.decode("utf-8-sig")))] == [
        scene["description"] for scene in job["scenes"]
    ]
    assert "%28unfinished%29.csv" in as_csv.headers["Content-Disposition"]
    assert json.loads(as_json.content)["scenes"] == job["scenes"]
    assert json.loads(as_json.content)["title"] == "雨中的猫"


def test_a_retry_may_take_longer(api: httpx.Client, worker: Process) -> None:
    job_id = submit(api, stub={"seconds": 1.5}, execution_timeout_s=0.4)
    assert done(api, job_id)["error"]["code"] == "timeout"

    again = api.post(f"/jobs/{job_id}/retry", params={"execution_timeout_s": 20}).json()

    assert again["retry_of"] == job_id
    assert api.get(f"/jobs/{again['id']}/request").json()["execution_timeout_s"] == 20
    assert done(api, again["id"])["status"] == "succeeded"
