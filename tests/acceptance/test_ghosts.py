"""A worker that cannot serve, beside one that can: it takes no doorbell, and nothing gets slower by it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.settings import Settings
from tests.integration.worker.conftest import api_of
from tests.integration.worker.processes import Process, done, forked_worker, submit, until, worker

JOBS = 50
SECONDS = 0.2  # of each, so that the rows and not the processor are what there is too little of
TIMES_SLOWER = 2  # a job whose doorbell a ghost takes waits 3 s until it is rung again
BROKEN = {
    "one that fails again and again": "raise RuntimeError('CUDA driver initialization failed')",
    "one that never comes to an end": "import threading; threading.Event().wait()",
}


@pytest.fixture
def api(redis_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """With one stub worker that is ready."""
    good = forked_worker(redis_url, tmp_path / "good.log", model__name="stub")
    try:
        with api_of(Settings(redis={"url": redis_url})) as client:
            until(lambda: client.get("/readyz").status_code == 200, what="a worker is ready")
            yield client
    finally:
        good.close()


def seconds_of_jobs(api: httpx.Client) -> float:
    begun = time.monotonic()
    jobs = [done(api, job_id) for job_id in [submit(api, stub={"seconds": SECONDS}) for _ in range(JOBS)]]
    assert {(job["status"], job["attempt"]) for job in jobs} == {("succeeded", 1)}
    return time.monotonic() - begun


@pytest.mark.parametrize("name", BROKEN)
def test_fifty_jobs_are_as_quick_beside_a_worker_that_cannot_serve(
    name: str, api: httpx.Client, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(BROKEN[name])
    alone_s = seconds_of_jobs(api)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bad = worker(redis_url, tmp_path / "bad.log", supervised=True, model__name="any", worker__metrics_port=0)
    try:
        until(lambda: began(bad, api, name), what="it fails, or loads")

        beside_s = seconds_of_jobs(api)

        states = [(shown["state"], shown["slots"]) for shown in api.get("/queue").json()["workers"]]
        print(f"{JOBS} jobs: {alone_s:.2f} s alone, {beside_s:.2f} s beside {name}")
        assert beside_s < TIMES_SLOWER * alone_s
        assert [(state, slots) for state, slots in states if state == "ready"] == [("ready", 8)]
        assert "received" not in bad.log_text
        assert "ready:" not in bad.log_text
        bad.terminate()
        bad.wait()
    finally:
        bad.close()


def began(bad: Process, api: httpx.Client, name: str) -> bool:
    """Whether it is where it will stay."""
    if name == "one that fails again and again":
        return "ended with exit code 70" in bad.log_text
    return "loading" in [shown["state"] for shown in api.get("/queue").json()["workers"]]
