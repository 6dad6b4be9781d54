"""One generation for many: a real worker process, real HTTP, and the store's own count of what was generated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest
import redis

from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import Process, done, running, submit, until

sharing = partial(submit, use_cache=True)


def sources(redis_url: str) -> dict[str, int]:
    """How many results there were of each source: those that are `stub` were generated."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        counts: Any = client.hgetall("sq:counts")
    return {name.removeprefix("source:"): int(n) for name, n in counts.items() if name.startswith("source:")}


def post(api: httpx.Client, n: int) -> httpx.Response:
    return api.post("/jobs", json={"prompt": "森林里的猫", "metadata": {"n": n, "stub": {"seconds": 1}}})


def test_fifty_identical_prompts_are_one_generation_and_fifty_results(
    api: httpx.Client, worker: Process, redis_url: str
) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: post(api, n), range(50)))

    jobs = [done(api, answer.json()["id"]) for answer in answers]
    assert len({job["id"] for job in jobs}) == 50
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert all(job["result"] == jobs[0]["result"] for job in jobs)
    assert [job["metadata"]["n"] for job in jobs] == list(range(50))
    assert sources(redis_url) == {"stub": 1, "cache": 49}


def test_a_hundred_posts_with_one_key_are_one_job_and_one_generation(
    api: httpx.Client, worker: Process, redis_url: str
) -> None:
    def post_once(_: int) -> httpx.Response:
        body = {"prompt": "森林里的猫", "use_cache": False}
        return api.post("/jobs", json=body, headers={"Idempotency-Key": "one"})

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(post_once, range(100)))

    (job_id,) = {answer.json()["id"] for answer in answers}
    assert done(api, job_id)["source"] == "stub"
    assert sources(redis_url) == {"stub": 1}


def test_a_cached_job_is_done_at_once_and_a_whole_job(api: httpx.Client, worker: Process) -> None:
    first = done(api, sharing(api))

    answer = api.post("/jobs", json={"prompt": "森林里的猫"}, headers={"Idempotency-Key": "again"})
    replay = api.post("/jobs", json={"prompt": "森林里的猫"}, headers={"Idempotency-Key": "again"})

    job = answer.json()
    assert (answer.status_code, job["status"], job["source"]) == (200, "succeeded", "cache")
    assert (answer.headers["Location"], "Retry-After" in answer.headers) == (job["urls"]["self"], False)
    assert (job["result"], job["model"], job["id"] == first["id"]) == (first["result"], first["model"], False)
    assert (replay.status_code, replay.json()["id"]) == (200, job["id"])
    assert api.get(job["urls"]["result"]).json() == job["result"]
    stream = api.get(job["urls"]["events"]).text
    assert [line for line in stream.splitlines() if line.startswith("event")] == [
        *["event: scene"] * len(job["scenes"]),
        "event: status",
        "event: done",
    ]
    assert [listed["id"] for listed in api.get("/jobs").json()["jobs"]] == [job["id"], first["id"]]
    assert api.delete(job["urls"]["self"]).status_code == 204
    assert done(api, first["id"])["result"] == first["result"]


@pytest.mark.parametrize("options", [{"use_cache": False}, {"sampling": {"seed": 3}}], ids=str)
def test_a_fresh_one_is_to_be_had(api: httpx.Client, worker: Process, options: dict[str, Any]) -> None:
    done(api, sharing(api))

    assert done(api, sharing(api, **options))["source"] == "stub"


def test_a_batch_of_the_cached_is_done_at_once(api: httpx.Client, worker: Process) -> None:
    done(api, sharing(api))

    batch = api.post("/batches", json={"jobs": [{"prompt": "森林里的猫"}] * 3}).json()

    assert (batch["done"], batch["counts"]["succeeded"]) == (True, 3)


def test_a_follower_shows_the_scenes_of_its_leader_while_it_runs(api: httpx.Client, worker: Process) -> None:
    stub = {"seconds": 30, "scenes": 20}
    ids = [sharing(api, stub=stub, min_scenes=20, max_scenes=20) for _ in range(2)]
    shown = until(lambda: api.get(f"/jobs/{ids[1]}").json()["scenes"], what="a scene of the follower")

    api.post(f"/jobs/{ids[0]}/cancel")
    assert done(api, ids[0])["status"] == "canceled"
    heir = until(lambda: (job := api.get(f"/jobs/{ids[1]}").json())["attempt"] == 2 and job, what="it leads")

    assert heir["status"] == "running"
    assert heir["scenes"][: len(shown)] == shown


def test_a_killed_leader_is_run_again_for_all(api: httpx.Client, worker: Process, start_worker: StartWorker) -> None:
    ids = [sharing(api, stub={"seconds": 2}) for _ in range(3)]
    running(api, ids[2])

    worker.kill()
    start_worker()

    assert [done(api, job_id)["source"] for job_id in ids] == ["stub", "cache", "cache"]
