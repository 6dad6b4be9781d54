"""Scenes are seen as they complete, and stay what they were, whatever becomes of the attempt."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import Process, done, submit, until


def states(api: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    """The job at each of its changes that a long poll sees, until it is done."""
    etag = ""
    seen: list[dict[str, Any]] = []
    while not seen or not seen[-1]["done"]:
        answer = api.get(f"/jobs/{job_id}", headers={"Prefer": "wait=30", "If-None-Match": etag})
        etag = answer.headers["ETag"]
        if answer.status_code == 200:
            seen.append(answer.json())
    return seen


def test_each_scene_is_published_when_it_is_complete_and_not_with_the_next_heartbeat(
    api: httpx.Client, start_worker: StartWorker
) -> None:
    start_worker(worker__lease_s=60)  # a heartbeat a second
    until(lambda: api.get("/readyz").status_code == 200, what="a worker is ready")

    seen = states(api, submit(api, stub={"seconds": 1.5, "scenes": 6}))

    running = [job for job in seen if not job["done"]]
    assert len({len(job["scenes"]) for job in running}) >= 4  # two heartbeats would show two, and none at first
    for job in running:
        assert job["scenes"] == seen[-1]["result"]["scenes"][: len(job["scenes"])]


def test_a_job_taken_over_keeps_the_scenes_of_the_attempt_before(
    api: httpx.Client, worker: Process, start_worker: StartWorker
) -> None:
    job_id = submit(api, stub={"seconds": 4, "scenes": 4})
    published = until(lambda: api.get(f"/jobs/{job_id}").json()["scenes"], what="a scene is published")

    worker.kill()
    until(lambda: api.get(f"/jobs/{job_id}").json()["status"] == "queued", what="its lease lapses")
    waiting = api.get(f"/jobs/{job_id}").json()
    start_worker()

    assert waiting["scenes"][: len(published)] == published
    job = done(api, job_id)
    assert job["attempt"] == 2
    assert job["result"]["scenes"][: len(waiting["scenes"])] == waiting["scenes"]


def test_a_job_that_is_canceled_keeps_the_scenes_that_were_published(api: httpx.Client, worker: Process) -> None:
    job_id = submit(api, stub={"seconds": 30, "scenes": 20}, min_scenes=20, max_scenes=20)
    published = until(lambda: api.get(f"/jobs/{job_id}").json()["scenes"], what="a scene is published")

    api.post(f"/jobs/{job_id}/cancel")

    assert done(api, job_id)["scenes"][: len(published)] == published


def test_a_rewrite_that_is_taken_over_keeps_the_scenes_that_stay(
    api: httpx.Client, worker: Process, start_worker: StartWorker
) -> None:
    base = done(api, submit(api, stub={"scenes": 6}))
    body = {"base": {"job": base["id"]}, "rewrite": [2, 5], "note": "夜里", "metadata": {"stub": {"seconds": 4}}}
    job_id = api.post("/jobs", json=body).json()["id"]
    until(lambda: len(api.get(f"/jobs/{job_id}").json()["scenes"]) > 1, what="a hole is written")

    worker.kill()
    start_worker()

    job, before = done(api, job_id), base["result"]["scenes"]
    after = job["result"]["scenes"]
    assert job["attempt"] == 2
    assert [after[place] for place in (0, 2, 3, 5)] == [before[place] for place in (0, 2, 3, 5)]
    assert all(after[place] != before[place] for place in (1, 4))
