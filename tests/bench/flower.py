"""How soon Flower shows that a job runs."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import httpx

from tests.bench import stage
from tests.bench.report import Figure
from tests.integration.worker import processes

JOBS, LIMIT_S = 20, 2.0


def figures() -> dict[str, Figure]:
    seen_s = []
    with stage.redis() as url, stage.api(url) as api, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        worker = processes.worker(url, folder / "worker.log", model__name="stub", worker__metrics_port=0)
        with (
            closing(worker),
            processes.flower_on(url, folder / "flower.log") as flower,
            httpx.Client(base_url=api.url, trust_env=False) as client,
        ):
            for _ in range(JOBS):
                job_id = processes.submit(client, stub={"hang": True})
                processes.running(client, job_id)
                begun = time.monotonic()
                processes.shown(flower, job_id, "STARTED")
                seen_s.append(time.monotonic() - begun)
                client.post(f"/jobs/{job_id}/cancel")
    slowest, p50 = max(seen_s), statistics.median(seen_s)
    meaning = f"from a job's being seen to run until Flower shows it, the slowest of {JOBS} (p50 {p50:.2g} s), limit"
    return {"flower_shows_running": Figure(slowest, "s", LIMIT_S, slowest / LIMIT_S, meaning)}
