"""A job of several candidates with a worker, Redis and the API: what is seen of it, and the rows that it takes."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import Process, done, running, submit, until


def test_its_scenes_come_at_the_end_with_a_note_on_the_choice(api: httpx.Client, worker: Process) -> None:
    job_id = submit(api, candidates=3, stub={"seconds": 1.5, "tokens": 100})
    half = until(
        lambda: (job := api.get(f"/jobs/{job_id}").json())["progress"] and job["progress"]["scenes_done"] and job,
        what="a scene is written",
    )

    job = done(api, job_id)

    assert (half["scenes"], half["status"]) == ([], "running")
    assert 0 < half["progress"]["fraction"] < 1
    assert half["progress"]["tokens"] == pytest.approx(300 * half["progress"]["fraction"], abs=3)  # of all three
    assert (job["status"], len(job["scenes"]), job["metrics"]["output_tokens"]) == ("succeeded", 3, 300)
    assert job["notes"] == ["candidate 1 of 3 was chosen: no rule tells it from the others"]
    assert "event: scene" in api.get(f"/jobs/{job_id}/events").text


def test_a_seed_makes_it_known_and_an_answer_from_the_cache_says_why_it_was_chosen(
    api: httpx.Client, worker: Process
) -> None:
    seeded = {"prompt": "森林里的猫", "candidates": 2, "sampling": {"seed": 5}}
    first = done(api, api.post("/jobs", json=seeded).json()["id"])
    again = api.post("/jobs", json=seeded).json()

    assert (again["source"], again["notes"]) == ("cache", first["notes"])
    assert first["notes"]
    unseeded = [done(api, submit(api, candidates=2, use_cache=True)) for _ in range(2)]
    assert [job["source"] for job in unseeded] == ["stub", "stub"]


def test_no_other_job_begins_while_it_has_all_rows(api: httpx.Client, start_worker: StartWorker) -> None:
    start_worker(worker__max_batch=4)
    several = submit(api, candidates=4, stub={"seconds": 1.5})
    running(api, several)
    alone = submit(api)
    until(lambda: api.get("/queue").json()["eta_s"] is not None, what="a speed is known")

    waiting = api.get(f"/jobs/{alone}").json()
    several_done, alone_done = done(api, several), done(api, alone)

    assert (waiting["status"], waiting["queue"]["position"]) == ("queued", 1)
    assert 0 < waiting["queue"]["eta_s"] < 10
    assert several_done["finished_at"] <= alone_done["started_at"]


def test_more_candidates_than_rows_are_written_all_the_same(api: httpx.Client, start_worker: StartWorker) -> None:
    start_worker(worker__max_batch=1)
    jobs = [submit(api, candidates=4), submit(api), submit(api, candidates=2)]

    assert {done(api, job_id)["status"] for job_id in jobs} == {"succeeded"}


def test_after_a_kill_it_begins_anew(api: httpx.Client, worker: Process, start_worker: StartWorker) -> None:
    job_id = submit(api, candidates=2, stub={"seconds": 2})
    running(api, job_id)

    worker.kill()
    start_worker()

    job = done(api, job_id)
    assert (job["status"], job["attempt"], len(job["notes"])) == ("succeeded", 2, 1)
