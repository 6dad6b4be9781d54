"""`python -m tests.chaos.soak --minutes 30`: a steady load for long, and whether anything grows.

First it measures how many jobs a second the service takes at most, then offers a share of that. Jobs live a minute, so
that what they leave behind would show. Exits 1 when memory or keys grow, or a job is not done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count, repeat
from pathlib import Path
from typing import Any

import httpx

from shared.rings import broker_lists
from tests.bench.report import hardware
from tests.chaos.crowd import CACHE
from tests.chaos.report import RESULTS
from tests.chaos.stage import Stage

TTL_S = 60
SAMPLE_S = 10.0
PROBE_S = 15.0
PROBE_CLIENTS = 16
CLIENTS = 64
SHARE = 0.7  # of what it takes at most, so that a queue that grows means a fault and not a full machine
GROWTH = 1.05  # of the last third against the one before it; the first is for warming up
SLACK_MB = 2.0
SLACK_KEYS = 200


@dataclass(frozen=True)
class Sample:
    at_s: float
    api_mb: float
    worker_mb: float
    redis_mb: float
    keys: int  # without tombstones
    tombstones: int
    listed: int  # ids in the client's list
    waiting: int
    done: int


class Load:
    """Clients of one connection each: a pool of many costs httpx more with every job that waits for one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.sent = self.done = 0
        self.faults: list[str] = []

    async def one(self, http: httpx.AsyncClient) -> None:
        """One job from its POST to its end, as a client waits for it."""
        self.sent += 1
        body = {"prompt": f"猫 {self.sent} {time.time_ns()}", "result_ttl_s": TTL_S, **CACHE}
        try:
            answer = await http.post("/jobs", json=body)
            job = answer.json()
            if answer.status_code != 202:
                raise ValueError(f"{answer.status_code}: {answer.text[:200]}")
            while not job["done"]:
                answer = await http.get(f"/jobs/{job['id']}", headers={"Prefer": "wait=20"})
                job = answer.json()
            if job["status"] != "succeeded":
                raise ValueError(f"{job['id']} {job['status']}")
            self.done += 1
        except (httpx.HTTPError, ValueError, KeyError) as error:
            self.faults.append(f"{type(error).__name__}: {error}")

    async def at_most(self, seconds: float) -> float:
        """Jobs a second when every client sends the next as soon as the last is done."""
        before = self.done
        await self._send(PROBE_CLIENTS, repeat(0.0), seconds)
        return (self.done - before) / seconds

    async def steady(self, rate: float, seconds: float) -> None:
        """So many jobs a second; what a full machine delays is sent late, and not dropped."""
        await self._send(CLIENTS, (turn / rate for turn in count()), seconds)

    async def _send(self, clients: int, turns: Iterator[float], seconds: float) -> None:
        """A job at each of `turns`, seconds from now, by whichever client is free."""
        started = time.monotonic()

        async def client() -> None:
            async with httpx.AsyncClient(base_url=self._url, timeout=30, trust_env=False) as http:
                while (due := next(turns)) < seconds and time.monotonic() - started < seconds:
                    await asyncio.sleep(max(0.0, started + due - time.monotonic()))
                    await self.one(http)

        await asyncio.gather(*(client() for _ in range(clients)))


def sample(stage: Stage, started: float, load: Load) -> Sample:
    assert stage.api
    (worker,) = stage.workers.values()
    keys = tombstones = 0
    for key in stage.direct.scan_iter("*", count=5000):
        if key.startswith("sq:gone:"):
            tombstones += 1
        else:
            keys += 1
    return Sample(
        at_s=round(time.monotonic() - started, 1),
        api_mb=rss_mb(stage.api.pid),
        worker_mb=rss_mb(worker.worker_pid or 0),
        redis_mb=round(int(stage.direct.info("memory")["used_memory"]) / 1e6, 2),
        keys=keys,
        tombstones=tombstones,
        listed=int(stage.direct.zcard("sq:jobs-of:anonymous")),
        waiting=sum(int(stage.direct.llen(name)) for name in broker_lists()),
        done=load.done,
    )


def rss_mb(pid: int) -> float:
    (line,) = (text for text in Path(f"/proc/{pid}/status").read_text().splitlines() if text.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


async def soak(stage: Stage, minutes: float, cap: float) -> tuple[float, float, list[Sample], Load]:
    load = Load(stage.api_url)
    most = await load.at_most(PROBE_S)
    rate = min(cap, round(most * SHARE, 1))
    print(f"at most {most:.0f} jobs/s; {rate:g} jobs/s for {minutes:g} minutes", flush=True)
    started = time.monotonic()
    offered = asyncio.create_task(load.steady(rate, minutes * 60))
    samples: list[Sample] = []
    while not offered.done():
        await asyncio.wait([offered], timeout=SAMPLE_S)
        samples.append(await asyncio.to_thread(sample, stage, started, load))
        if len(samples) % 6 == 1:
            print(samples[-1], flush=True)
    await offered
    return most, rate, samples, load


def judge(samples: list[Sample], load: Load) -> dict[str, Any]:
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    verdict: dict[str, Any] = {"violations": load.faults[:5]}
    for name, slack in (("api_mb", SLACK_MB), ("worker_mb", SLACK_MB), ("keys", SLACK_KEYS), ("listed", SLACK_KEYS)):
        before, after = (statistics.median(getattr(s, name) for s in part) for part in (middle, last))
        verdict[name] = {"middle_third": before, "last_third": after, "max": max(getattr(s, name) for s in samples)}
        if after > before * GROWTH + slack:
            verdict["violations"].append(f"{name} grew from {before} to {after}")
    verdict["redis_bytes_a_tombstone"] = round(
        (last[-1].redis_mb - middle[0].redis_mb) * 1e6 / max(1, last[-1].tombstones - middle[0].tombstones)
    )
    return verdict


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--cap", type=float, default=1000, help="jobs a second at most, however many it could take")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, Stage(Path(folder)) as stage:
        stage.start_api()
        stage.start_worker("soak")
        stage.ready(1)
        most, rate, samples, load = asyncio.run(soak(stage, options.minutes, options.cap))
        verdict = judge(samples, load)
    result = {
        "hardware": hardware(),
        "python": platform.python_version(),
        "command": f"python -m tests.chaos.soak --minutes {options.minutes:g} --cap {options.cap:g}",
        "minutes": options.minutes,
        "most_jobs_per_s": round(most, 1),
        "jobs_per_s": rate,
        "result_ttl_s": TTL_S,
        "jobs": load.sent,
        "done": load.done,
        "figures": verdict,
        "samples": [asdict(s) for s in samples[:: max(1, len(samples) // 30)]],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "soak.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({**result, "samples": len(samples)}, indent=2))
    return 1 if verdict["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
