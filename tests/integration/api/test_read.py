"""GET /jobs/ID and its result: polls, long polls, what is unknown and what is gone."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from jsonschema import Draft202012Validator

from tests.integration.api.handworker import HandWorker, storyboard
from tests.integration.api.serving import Serve


def submit(api: httpx.Client, **body: Any) -> str:
    return str(api.post("/jobs", json={"prompt": "森林", "use_cache": False, **body}).raise_for_status().json()["id"])


def poll_aside(
    aside: ThreadPoolExecutor, api: httpx.Client, spy: redis.Redis, job_id: str, **headers: str
) -> Future[httpx.Response]:
    """A long poll that has read the job once, and so waits for its next change."""
    with spy.monitor() as monitor:
        commands = monitor.listen()
        next(commands)  # the monitor's own OK
        poll = aside.submit(api.get, f"/jobs/{job_id}", headers={"Prefer": "wait=60", **headers})
        assert any(f"HGETALL sq:job:{job_id}" in command["command"] for command in commands)
    return poll


def test_an_id_that_never_was_is_404(api: httpx.Client) -> None:
    for path in ("", "/result"):
        response = api.get(f"/jobs/{uuid4()}{path}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("job_id", ["7", "null", "00000000-0000-0000-0000-00000000000g", "%2e%2e", "森林", "a" * 5000])
def test_an_id_of_another_shape_is_404(api: httpx.Client, job_id: str) -> None:
    for method, path in (("GET", ""), ("GET", "/result"), ("POST", "/cancel")):
        response = api.request(method, f"/jobs/{job_id}{path}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_an_id_in_capitals_is_the_same_job(api: httpx.Client) -> None:
    job_id = submit(api)

    assert api.get(f"/jobs/{job_id.upper()}").json()["id"] == job_id


def test_without_any_worker_a_job_says_queued_and_its_position(api: httpx.Client) -> None:
    first, second = submit(api), submit(api)
    urgent = submit(api, priority="high")

    jobs = [api.get(f"/jobs/{job_id}").json() for job_id in (urgent, first, second)]

    assert [job["status"] for job in jobs] == ["queued"] * 3
    assert [job["queue"] for job in jobs] == [{"position": n, "eta_s": None} for n in (1, 2, 3)]


def test_a_job_tells_its_life_from_queued_to_its_result(api: httpx.Client, worker: HandWorker) -> None:
    job_id = submit(api, metadata={"shot": "7b"})
    claim = worker.claim(job_id)
    worker.report(claim, tokens=12, scenes_done=1, fraction=0.25)
    running = api.get(f"/jobs/{job_id}").json()
    worker.succeed(claim)
    done = api.get(f"/jobs/{job_id}")

    assert (running["status"], running["done"], running["attempt"], running["queue"]) == ("running", False, 1, None)
    assert running["progress"] == {"phase": "writing", "tokens": 12, "scenes_done": 1, "fraction": 0.25}
    assert (done.json()["status"], done.json()["done"], done.json()["source"]) == ("succeeded", True, "model")
    assert done.json()["metadata"] == {"shot": "7b"}
    assert done.json()["created_at"] <= done.json()["started_at"] <= done.json()["finished_at"]
    assert done.json()["finished_at"].endswith("Z")
    assert "Retry-After" not in done.headers


def test_a_known_version_is_304_until_the_record_changes(api: httpx.Client, worker: HandWorker) -> None:
    job_id = submit(api)
    known = api.get(f"/jobs/{job_id}").headers["ETag"]
    unchanged = api.get(f"/jobs/{job_id}", headers={"If-None-Match": f'"other", {known}'})
    worker.claim(job_id)
    changed = api.get(f"/jobs/{job_id}", headers={"If-None-Match": known})

    assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", known)
    assert (changed.status_code, changed.json()["status"]) == (200, "running")
    assert changed.headers["ETag"] != known


def test_the_position_in_the_queue_is_no_part_of_the_version(api: httpx.Client) -> None:
    first, second = submit(api), submit(api)
    known = api.get(f"/jobs/{second}").headers["ETag"]
    api.post(f"/jobs/{first}/cancel")

    assert api.get(f"/jobs/{second}").json()["queue"]["position"] == 1
    assert api.get(f"/jobs/{second}", headers={"If-None-Match": known}).status_code == 304


def test_a_long_poll_wakes_with_each_change(
    api: httpx.Client, worker: HandWorker, aside: ThreadPoolExecutor, redis_client: redis.Redis
) -> None:
    job_id = submit(api)
    started_s = time.monotonic()
    poll = poll_aside(aside, api, redis_client, job_id)
    claim = worker.claim(job_id)
    running = poll.result(5)
    poll = poll_aside(aside, api, redis_client, job_id, **{"If-None-Match": running.headers["ETag"]})
    worker.report(claim, tokens=5)
    progressed = poll.result(5)
    poll = poll_aside(aside, api, redis_client, job_id, **{"If-None-Match": progressed.headers["ETag"]})
    worker.succeed(claim)
    done = poll.result(5)

    assert running.json()["status"] == "running"
    assert running.headers["Preference-Applied"] == "wait=60"
    assert progressed.json()["progress"]["tokens"] == 5
    assert done.json()["status"] == "succeeded"
    assert time.monotonic() - started_s < 10


def test_a_hundred_and_fifty_long_polls_of_one_job_all_wake(
    serve: Serve, worker: HandWorker, redis_client: redis.Redis
) -> None:
    api = serve(api={"max_streams": 150})
    job_id = submit(api)
    limits = httpx.Limits(max_connections=None)
    with ThreadPoolExecutor(150) as many, httpx.Client(base_url=api.base_url, timeout=70, limits=limits) as crowd:
        polls = [many.submit(crowd.get, f"/jobs/{job_id}", headers={"Prefer": "wait=60"}) for _ in range(149)]
        polls.append(poll_aside(many, crowd, redis_client, job_id))
        worker.succeed(worker.claim(job_id))

        assert {poll.result(30).status_code for poll in polls} == {200}


def test_a_long_poll_ends_when_its_time_is_up(api: httpx.Client) -> None:
    job_id = submit(api)
    known = api.get(f"/jobs/{job_id}").headers["ETag"]
    started_s = time.monotonic()

    response = api.get(f"/jobs/{job_id}", headers={"Prefer": "wait=1", "If-None-Match": known})

    assert response.status_code == 304
    assert 0.9 < time.monotonic() - started_s < 5


def test_a_job_that_is_done_keeps_nobody_waiting(api: httpx.Client, worker: HandWorker) -> None:
    job_id = submit(api)
    worker.succeed(worker.claim(job_id))
    started_s = time.monotonic()
    first = api.get(f"/jobs/{job_id}", headers={"Prefer": "wait=60"})
    again = api.get(f"/jobs/{job_id}", headers={"Prefer": "wait=60", "If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code) == (200, 304)
    assert time.monotonic() - started_s < 5


def test_the_result_is_the_bare_storyboard_and_keeps_to_its_schema(api: httpx.Client, worker: HandWorker) -> None:
    job_id = submit(api)
    worker.succeed(worker.claim(job_id), "雾")
    schema = api.get("/schemas/storyboard.json").json()

    result = api.get(f"/jobs/{job_id}/result").json()

    assert result == storyboard("雾").model_dump(mode="json")
    Draft202012Validator(schema).validate(result)


def test_a_job_that_is_not_finished_has_no_result_yet(api: httpx.Client, worker: HandWorker) -> None:
    job_id = submit(api)
    queued = api.get(f"/jobs/{job_id}/result")
    worker.claim(job_id)
    running = api.get(f"/jobs/{job_id}/result")

    assert [(r.status_code, r.json()["code"]) for r in (queued, running)] == [(409, "not_finished")] * 2
    assert running.json()["detail"] == "The job is running"


def test_a_job_that_failed_or_was_canceled_has_no_result(api: httpx.Client, worker: HandWorker) -> None:
    failed, canceled = submit(api), submit(api)
    worker.fail(worker.claim(failed))
    api.post(f"/jobs/{canceled}/cancel")

    answers = [api.get(f"/jobs/{job_id}/result") for job_id in (failed, canceled)]

    assert [(r.status_code, r.json()["code"]) for r in answers] == [(409, "no_result")] * 2
    assert "no scenes in 40 characters" in answers[0].json()["detail"]
    assert api.get(f"/jobs/{failed}").json()["error"] == {
        "code": "output_invalid",
        "title": "The model's text holds no storyboard that can be mended",
        "detail": "no scenes in 40 characters",
        "retryable": True,
    }


def test_a_job_past_its_lifetime_is_gone_and_not_unknown(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    job_id = submit(api)
    worker.succeed(worker.claim(job_id))
    redis_client.delete(f"sq:job:{job_id}")  # what Redis does at `expires_at`

    answers = [
        api.get(f"/jobs/{job_id}"),
        api.get(f"/jobs/{job_id}", headers={"Prefer": "wait=60"}),
        api.get(f"/jobs/{job_id}/result"),
        api.post(f"/jobs/{job_id}/cancel"),
    ]

    assert [(r.status_code, r.json()["code"]) for r in answers] == [(410, "gone")] * 4


def test_the_request_is_told_with_every_default_and_the_seed(api: httpx.Client) -> None:
    job = api.post("/jobs", json={"prompt": "雨中的猫", "max_scenes": 4}).json()

    request = api.get(f"/jobs/{job['id']}/request").json()

    assert (request["prompt"], request["max_scenes"], request["min_scenes"]) == ("雨中的猫", 4, 3)
    assert isinstance(request["sampling"]["seed"], int)


def test_a_request_is_told_to_its_own_client_only(serve: Serve) -> None:
    api = serve(api={"keys": "a:1,b:2"})
    job = api.post("/jobs", json={"prompt": "x"}, headers={"Authorization": "Bearer 1"}).json()

    answers = [
        api.get(f"/jobs/{job['id']}/request", headers={"Authorization": f"Bearer {key}"}).status_code for key in "12"
    ]

    assert answers == [200, 404]
