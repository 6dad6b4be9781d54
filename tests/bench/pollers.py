"""A thousand clients, each waiting for a job of its own: what they cost the API, and how soon each hears of a change.

`python -m tests.bench.pollers URL`, with ids on stdin, is those clients: one process, a connection each, that
reads its job and then waits for the next version.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from urllib.parse import urlsplit

import httpx

from shared.settings import Settings
from shared.store.executions import Claim, Executions
from tests.bench import stage
from tests.bench.report import Figure
from tests.bench.stage import BODY

CLIENTS, CHANGES, EVERY_S, SETTLED_S = 1000, 400, 0.02, 3.0


def figures() -> dict[str, Figure]:
    with stage.redis() as redis_url, stage.api(redis_url) as api:
        jobs = {"jobs": [BODY] * CLIENTS}
        ids = httpx.post(f"{api.url}/batches", json=jobs, timeout=60, trust_env=False).json()["jobs"]
        clients = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.pollers", api.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert clients.stdin
        assert clients.stdout
        clients.stdin.write(json.dumps(ids) + "\n")
        clients.stdin.flush()
        assert clients.stdout.readline() == "waiting\n"
        time.sleep(SETTLED_S)  # what is measured is waiting, not their coming
        begun, cpu_s = time.monotonic(), api.cpu_s()
        changed = _change(redis_url, ids[:CHANGES])
        time.sleep(1)
        share = (api.cpu_s() - cpu_s) / (time.monotonic() - begun)
        output, _ = clients.communicate("enough\n", timeout=30)
        answers = {job_id: (at_s, line) for job_id, at_s, line in json.loads(output)}
    wrong = sum(not line.startswith("HTTP/1.1 200") for _, line in answers.values()) + len(
        changed.keys() - answers.keys()
    )
    status_lines = ", ".join(sorted({line.removeprefix("HTTP/1.1 ") for _, line in answers.values()}))
    late_ms = sorted(1000 * (answers[job_id][0] - at_s) for job_id, at_s in changed.items() if job_id in answers)
    p50, p99 = late_ms[len(late_ms) // 2], late_ms[int(0.99 * len(late_ms))]
    rate = f"{CLIENTS} clients wait, {1 / EVERY_S:.0f} of their jobs change a second"
    return {
        "pollers_1000_cpu": Figure(share, "cores", 0.5, share / 0.5, f"of the API process, against the limit; {rate}"),
        "pollers_1000_answer_p99": Figure(
            p99, "ms", 100.0, p99 / 100, "from a change to its answer, against the limit"
        ),
        "pollers_1000_answer_p50": Figure(p50, "ms", 100.0, p50 / 100, "the same"),
        "pollers_1000_errors": Figure(
            wrong, "answers", 0.0, float(wrong), f"wrong or missing, of {len(changed)}; {status_lines}"
        ),
    }


def _change(redis_url: str, ids: list[str]) -> dict[str, float]:
    """A worker takes one after the other; when each was told."""
    executions, changed = Executions(Settings(redis={"url": redis_url}), "bench"), {}
    for job_id in ids:
        due = time.monotonic() + EVERY_S
        changed[job_id] = time.time()
        assert isinstance(executions.claim(job_id), Claim)
        time.sleep(max(0.0, due - time.monotonic()))
    executions.close()
    return changed


async def _wait(url: str, ids: list[str]) -> list[tuple[str, float, str]]:
    """The first answer of each that had one when told that it is enough."""
    address = urlsplit(url)
    answers: list[tuple[str, float, str]] = []

    async def poll(job_id: str) -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        request = f"GET /jobs/{job_id} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        writer.write(f"{request}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        known = head.split("etag: ")[1].split("\r\n")[0].upper()
        writer.write(f"{request}If-None-Match: {known}\r\nPrefer: wait=60\r\n\r\n".encode())
        await writer.drain()
        sent.release()
        line = (await reader.readuntil(b"\r\n")).decode().strip()
        answers.append((job_id, time.time(), line))

    sent = asyncio.Semaphore(0)
    polls = [asyncio.create_task(poll(job_id)) for job_id in ids]
    for _ in ids:
        await sent.acquire()
    print("waiting", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for task in polls:
        task.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    return answers


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_wait(sys.argv[1], json.loads(sys.stdin.readline())))))
