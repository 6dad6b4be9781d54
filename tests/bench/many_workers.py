"""One, two and four stub workers on one queue, each job a second of simulated engine time."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from tests.bench import stage
from tests.bench.report import Figure
from tests.bench.stage import BODY
from tests.integration.worker import processes

ROWS, WAVES, JOB_S = 4, 5, 1.0
JOB = {**BODY, "metadata": {"stub": {"seconds": JOB_S}}}


def figures() -> dict[str, Figure]:
    one, two, four = (_jobs_a_second(count) for count in (1, 2, 4))
    meaning = f"against one; {ROWS} rows each, jobs of {JOB_S:g} s of simulated engine time"
    return {
        "workers_1_2": Figure(two, "jobs/s", one, two / one, f"two workers {meaning}"),
        "workers_1_2_4": Figure(four, "jobs/s", one, four / one, f"four workers {meaning}"),
    }


def _jobs_a_second(workers: int) -> float:
    """From the first start to the last end."""
    count = workers * ROWS * WAVES
    with ExitStack() as stack:
        redis_url = stack.enter_context(stage.redis())
        api = stack.enter_context(stage.api(redis_url))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings: dict[str, Any] = {"model__name": "stub", "worker__max_batch": ROWS, "worker__metrics_port": 0}
        for number in range(workers):
            log = folder / f"worker{number}.log"
            stack.enter_context(closing(processes.worker(redis_url, log, **settings)))
        client = stack.enter_context(httpx.Client(base_url=api.url, timeout=60, trust_env=False))
        processes.until(lambda: _ready(client) == workers, what=f"{workers} workers are ready")
        batch = client.post("/batches", json={"jobs": [JOB] * count}).raise_for_status().json()
        processes.until(lambda: client.get(batch["urls"]["self"]).json()["done"], 120, what="the batch is done")
        jobs = [client.get(f"/jobs/{job_id}").json() for job_id in batch["jobs"]]
    assert all(job["status"] == "succeeded" for job in jobs)
    started = min(datetime.fromisoformat(job["started_at"]) for job in jobs)
    finished = max(datetime.fromisoformat(job["finished_at"]) for job in jobs)
    return count / (finished - started).total_seconds()


def _ready(client: httpx.Client) -> int:
    return sum(worker["state"] == "ready" for worker in client.get("/queue").json()["workers"])
