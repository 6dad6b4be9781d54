"""A real worker that lives and does not work is replaced; leases last a minute: nothing else gives jobs back."""

from __future__ import annotations

from pathlib import Path

import httpx

from shared.broker import celery_app
from shared.rings import QUEUE
from shared.settings import Settings
from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import ROOT, Process, done, running, submit, until


def start(start_worker: StartWorker, api: httpx.Client, **settings: object) -> Process:
    process = start_worker(supervised=True, worker__lease_s=60, worker__stall_s=2, **settings)
    until(lambda: api.get("/readyz").status_code == 200, what="a worker is ready")
    return process


def test_a_worker_whose_engine_stands_still_says_so_and_is_replaced(
    api: httpx.Client, start_worker: StartWorker
) -> None:
    process = start(start_worker, api, worker__max_attempts=1)
    neighbour = submit(api, stub={"seconds": 1})
    hanging = submit(api, stub={"hang": True})

    assert done(api, neighbour)["status"] == "succeeded"
    lost = done(api, hanging)
    assert (lost["status"], lost["error"]["code"]) == ("failed", "worker_lost")
    assert done(api, submit(api))["status"] == "succeeded"
    assert "this worker leaves: no step for" in process.log_text
    assert process.log_text.count("ended with exit code 70") == 1


def test_a_worker_that_has_stopped_listening_is_replaced_and_what_it_runs_finishes(
    api: httpx.Client, start_worker: StartWorker, redis_url: str, tmp_path: Path
) -> None:
    """By Celery's own command, which ours takes the place of (worker/remote.py)."""
    follows = "from worker.remote import REFUSED_COMMANDS; del REFUSED_COMMANDS['cancel_consumer']"
    (tmp_path / "sitecustomize.py").write_text(follows)
    process = start(start_worker, api, worker__drain_s=600, PYTHONPATH=f"{tmp_path}:{ROOT}")
    busy = submit(api, stub={"seconds": 6})
    running(api, busy)
    app = celery_app.make_app(Settings(redis={"url": redis_url}), patient=False)
    app.control.cancel_consumer(QUEUE, reply=True, timeout=5)
    app.close()

    waiting = done(api, submit(api))

    assert (waiting["status"], waiting["attempt"]) == ("succeeded", 1)
    job = done(api, busy)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert "this worker leaves: no doorbell answered for" in process.log_text
    assert "ended with exit code 75" in process.log_text


def test_jobs_that_take_their_time_are_no_reason_to_leave(api: httpx.Client, start_worker: StartWorker) -> None:
    process = start(start_worker, api, worker__max_batch=1)
    slow, behind_it = submit(api, stub={"seconds": 5}), submit(api)

    assert {done(api, job_id)["attempt"] for job_id in (slow, behind_it)} == {1}
    assert "leaves" not in process.log_text
