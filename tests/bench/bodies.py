"""How long one hostile body keeps everybody else from being answered.

`make bench ARGS=bodies` prints for each kind of body the longest stretch of CPU between two turns of
the event loop (`stretch`; what else the machine does does not count), and p50 and p99 of another client's `/healthz`,
asked again and again meanwhile (that does count). All in one process, without HTTP: the body comes in pieces of 64 kB,
as uvicorn hands them on. Bodies that come with a key are those of tests/integration/api/test_large_bodies.py.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from api.wiring import create_app
from shared.settings import Settings
from tests.bench import stage
from tests.bench.report import Figure, write
from tests.integration.api.test_large_bodies import DEAR, MEGABYTE, repeated

PIECE_BYTES = 64 * 1024
TICK_S = 0.001
LIMIT_MS = 100.0
KEY = "bench-key"
BODIES: dict[str, tuple[Callable[[], bytes], bool]] = {  # and whether it has a key
    "16 MB without a key": (lambda: b'{"jobs":[' + repeated(b"{},") + b"{}]}", False),
    "a batch of 1,000": (lambda: b'{"jobs":[' + b",".join([b'{"prompt":"' + b"x" * 4000 + b'"}'] * 1000) + b"]}", True),
    **{name: (make, True) for name, (make, _, _) in DEAR.items()},
}


class Loop:
    """The event loop's turns, looked at from inside."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.stretch_s = 0.0
        self.waits_s: list[float] = []

    async def ticks(self) -> None:
        last_s = time.process_time()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.process_time()
            self.stretch_s, last_s = max(self.stretch_s, now_s - last_s), now_s

    async def looks(self) -> None:
        while True:
            begun_s = time.perf_counter()
            assert await called(self._app, "GET", "/healthz", []) == 200
            self.waits_s.append(time.perf_counter() - begun_s)
            await asyncio.sleep(TICK_S)

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.waits_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


async def called(app: FastAPI, method: str, path: str, pieces: list[bytes], key: str = "") -> int:
    """The status."""
    length = sum(map(len, pieces))
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
    if key:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
    }
    scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "scheme": "http"}
    scope |= {"http_version": "1.1", "asgi": {"version": "3.0"}, "root_path": "", "state": {}}
    left = iter(pieces)
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)  # a turn of the loop each, as between two reads of a socket
        piece = next(left, b"")
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


async def _beside(app: FastAPI, body: bytes, key: str) -> Loop:
    loop, pieces = Loop(app), [body[at : at + PIECE_BYTES] for at in range(0, len(body), PIECE_BYTES)]
    others = [asyncio.create_task(loop.ticks()), asyncio.create_task(loop.looks())]
    await asyncio.sleep(0.05)
    loop.stretch_s = 0.0
    await called(app, "POST", "/batches", pieces, key)
    await asyncio.sleep(0.01)
    for task in others:
        task.cancel()
    return loop


async def _all(redis_url: str, names: list[str]) -> dict[str, Loop]:
    app = create_app(Settings(redis={"url": redis_url}, api={"keys": f"ann:{KEY}"}))
    async with app.router.lifespan_context(app):
        found = {}
        for name in names:
            make, has_key = BODIES[name]
            body = make()
            loops = [await _beside(app, body, KEY if has_key else "") for _ in range(stage.ROUNDS)]
            found[name] = best = min(loops, key=lambda loop: loop.stretch_s)
            print(
                f"{name} ({len(body) / MEGABYTE:.1f} MB): stretch {best.stretch_s * 1000:.0f} ms, /healthz p50 "
                f"{best.percentile_ms(0.5):.1f} p99 {best.percentile_ms(0.99):.1f} of {len(best.waits_s)}",
                flush=True,
            )
        return found


def figures(*names: str) -> dict[str, Figure]:
    """That of the body that keeps the others longest."""
    with stage.redis() as redis_url:
        found = asyncio.run(_all(redis_url, list(names or BODIES)))
    name = max(found, key=lambda each: found[each].stretch_s)
    longest_ms = found[name].stretch_s * 1000
    meaning = f"CPU between two turns of the API's event loop beside the worst body ({name}), against the limit"
    return {"hostile_body_stretch": Figure(longest_ms, "ms", LIMIT_MS, longest_ms / LIMIT_MS, meaning)}


if __name__ == "__main__":
    write(figures(*sys.argv[1:]), "python -m tests.bench.bodies")
