"""A new version goes out: one worker after the other is told to end while jobs come in."""

from __future__ import annotations

import httpx

from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import done, submit, until


def ready(api: httpx.Client, count: int) -> bool:
    return [worker["state"] for worker in api.get("/queue").json()["workers"]].count("ready") == count


def test_a_rolling_restart_of_two_workers_under_load_fails_no_job(api: httpx.Client, start_worker: StartWorker) -> None:
    old = [start_worker(worker__max_batch=2, worker__drain_s=0.3) for _ in range(2)]
    until(lambda: ready(api, 2), what="both old workers are ready")
    ids: list[str] = []
    for process in old:
        ids += [submit(api, f"故事{len(ids) + n}", stub={"seconds": 0.8}) for n in range(8)]
        until(lambda: api.get("/queue").json()["running"] == 4, what="all rows are taken")
        process.terminate()
        assert process.wait() == 0
        start_worker(worker__max_batch=2)
        until(lambda: ready(api, 2), what="its successor is ready")

    jobs = [done(api, job_id) for job_id in ids]

    assert {job["status"] for job in jobs} == {"succeeded"}
    assert max(job["attempt"] for job in jobs) > 1  # some were given back, and nobody was blamed for it


def test_a_cold_stop_of_every_worker_loses_nothing(api: httpx.Client, start_worker: StartWorker) -> None:
    processes = [start_worker(worker__max_batch=2) for _ in range(2)]
    until(lambda: ready(api, 2), what="both are ready")
    ids = [submit(api, f"故事{n}", stub={"seconds": 0.5}) for n in range(8)]
    until(lambda: api.get("/queue").json()["running"] > 0, what="some run")

    for process in processes:
        process.kill()
    start_worker()

    assert {done(api, job_id)["status"] for job_id in ids} == {"succeeded"}
