"""A device that breaks for good under a model: the process ends with its own exit code, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import httpx
import torch

from tests.integration.engine import tiny
from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import Process, done, submit, until
from worker.exits import EXIT_BROKEN

DEVICE = "cuda:0" if torch.cuda.is_available() else "cpu"
FAULT = "鲸"


def test_a_sticky_device_error_ends_the_process_and_its_job_runs_elsewhere(
    redis_url: str, api: httpx.Client, start_worker: StartWorker, tmp_path: Path
) -> None:
    tiny.save(tmp_path / "model")
    (token,) = tiny.vocabulary().encode(FAULT)
    free = torch.cuda.mem_get_info()[0] if DEVICE != "cpu" else 0
    environment = {
        "SCRIPTQUEUE_REDIS__URL": redis_url,
        "SCRIPTQUEUE_MODEL__PATH": str(tmp_path / "model"),
        "SCRIPTQUEUE_MODEL__DEVICE": DEVICE,
        # The fault is in a module of the model's, which neither our loop calls nor weights of 8 bits have.
        "SCRIPTQUEUE_MODEL__BATCHING": "transformers",
        "SCRIPTQUEUE_MODEL__WEIGHT_BITS": "16",
        "SCRIPTQUEUE_WORKER__LEASE_S": "1",
        "FAULT_TOKEN": str(token),
    }
    faulty = Process(["tests.faulty_worker"], environment, tmp_path / "faulty.log")
    try:
        until(lambda: api.get("/readyz").status_code == 200, within_s=120, what="the model is loaded")

        job_id = submit(api, f"一头{FAULT}", sampling={"max_new_tokens": 60})

        assert faulty.wait(120) == EXIT_BROKEN, faulty.log_text
    finally:
        faulty.close()
    assert "device-side assert triggered" in faulty.log_text
    if DEVICE != "cpu":
        until(lambda: torch.cuda.mem_get_info()[0] >= 0.98 * free, what="the card's memory is free again")
    start_worker()
    job = done(api, job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
