"""A process that sends the same request over and over on a few kept connections, and how long each answer took.

Bounded in count and time. `python -m tests.bench.load` is that process: it must not share an interpreter with what it
measures.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 16


@dataclass(frozen=True)
class Answers:
    """`per_s`: answers a second; `times_ms`, sorted: from the moment a request was due to the end of its answer."""

    per_s: float
    times_ms: list[float]

    def percentile(self, share: float) -> float:
        return self.times_ms[min(len(self.times_ms) - 1, int(share * len(self.times_ms)))]


def load(url: str, method: str, path: str, *, seconds: float, body: Any = None, per_s: float | None = None) -> Answers:
    """As fast as answers come, or `per_s` requests a second. Any status but 2xx fails."""
    wanted = [url, method, path, json.dumps(body) if body is not None else "", str(seconds), str(per_s or 0)]
    command = [sys.executable, "-m", "tests.bench.load", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    assert done.returncode == 0, done.stderr[-2000:]
    times_ms = sorted(json.loads(done.stdout))
    return Answers(len(times_ms) / seconds, times_ms)


async def _send(url: str, method: str, path: str, body: str, seconds: float, per_s: float) -> list[float]:
    address = urlsplit(url)
    payload = body.encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
    if payload:
        head += f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
    message = head.encode() + b"\r\n" + payload
    times_ms: list[float] = []
    begun = time.perf_counter()
    turns = iter(range(10**9))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        while True:
            due = time.perf_counter()
            if per_s:
                due = begun + next(turns) / per_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if time.perf_counter() - begun >= seconds:
                break
            writer.write(message)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 2"), answer
            length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times_ms.append((time.perf_counter() - due) * 1000)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return times_ms


if __name__ == "__main__":
    _url, _method, _path, _body, _seconds, _per_s = sys.argv[1:]
    print(json.dumps(asyncio.run(_send(_url, _method, _path, _body, float(_seconds), float(_per_s)))))
