"""A good client beside a hostile one: what alice does with and without her key must not be felt by bob.

First bob alone, then bob while all of `attacks` run at once. What the two feel and do is judged here by functions
that know no process.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.attacks import ATTACKS, Tally, attacked
from tests.chaos.report import Report, spread, words
from tests.chaos.stage import HOST, Process, Stage

KEYS = {"alice": "alice-key-0123456789", "bob": "bob-key-0123456789"}
SECRET = "whsec_" + "QUFB" * 8
ALONE_S, MINUTES = 45.0, 5.0
EVERY_S = 0.4  # between two of bob's jobs
BOBS_JOB_S = 1.0
DESCRIPTORS = 256  # of the API, so few that the attack could take them all
POST_P99_S = 0.25
SLOWER, SLOWEST = 1.2, 2.0  # times as long as without the attack: in the median, and in the p99
LATE_S = 20.0  # for a job, or its webhook, that does not come at all


@dataclass
class Felt:
    """What bob feels, in seconds from his POST."""

    posts: list[float] = field(default_factory=list)
    jobs: list[float] = field(default_factory=list)
    webhooks: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def run(report: Report, folder: Path, minutes: float = MINUTES) -> None:
    settings: dict[str, Any] = {
        "api__keys": ",".join(f"{name}:{key}" for name, key in KEYS.items()),
        "webhooks__secret": SECRET,
        "webhooks__allow_private": "true",
        "worker__max_batch": 8,
    }
    with Stage(folder / "hostile", **settings) as stage, ExitStack() as stack:
        stage.start_api(descriptors=DESCRIPTORS)
        stage.start_worker("w")
        sender = Process("webhooks", [sys.executable, "-m", "worker.webhooks"], folder / "webhooks.log", stage.settings)
        sender.start()
        stack.callback(sender.kill)
        stage.ready(1, key=KEYS["bob"])
        pids = _pids(stage, sender)
        alone = asyncio.run(bob(stage.api_url, ALONE_S))
        with attacked(stage.api_url, KEYS["alice"], folder / "attacks.log") as tally:
            beside = asyncio.run(bob(stage.api_url, minutes * 60))
        same = pids == _pids(stage, sender)
    for name in ("posts", "jobs", "webhooks"):
        report.figures[f"hostile_{name}_s"] = {
            "alone": spread(getattr(alone, name)),
            "beside": spread(getattr(beside, name)),
        }
    report.figures["hostile_rounds"] = tally
    promises = {
        "POSTs of another client": lambda: quick(beside),
        "jobs of another client": lambda: as_before(alone.jobs, beside.jobs),
        "webhooks of another client": lambda: as_before(alone.webhooks, beside.webhooks),
        "nothing of another client is lost": lambda: whole(beside, same_processes=same),
        "every attack went on to the end": lambda: went_on(tally, minutes * 60),
    }
    for fault, drill in promises.items():
        report.check("hostile", fault, drill)


def _pids(stage: Stage, sender: Process) -> list[int | None]:
    """Of all that serves, as long as it lives."""
    processes = (stage.redis, stage.api, sender)
    return [process.pid if process and process.alive else None for process in processes] + [
        worker.worker_pid for worker in stage.workers.values()
    ]


# -- what was promised ------------------------------------------------------------------------------------------------


def quick(beside: Felt) -> str:
    felt = spread(beside.posts)
    assert felt["n"] > 0, "no POST was answered"
    assert felt["p99"] < POST_P99_S, f"{words(felt)}; p99 must be under {POST_P99_S:g} s"
    return words(felt)


def as_before(alone: Sequence[float], beside: Sequence[float]) -> str:
    before, after = spread(alone), spread(beside)
    assert before["n"], "none came without the attack"
    assert after["n"], "none came beside the attack"
    outcome = f"beside the attack {words(after)}; without it {words(before)}"
    assert after["p50"] <= before["p50"] * SLOWER, outcome
    assert after["p99"] <= before["p99"] * SLOWEST, outcome
    return outcome


def whole(beside: Felt, *, same_processes: bool) -> str:
    assert same_processes, "a process has ended"
    assert not beside.faults, beside.faults[:5]
    counts = len(beside.posts), len(beside.jobs), len(beside.webhooks)
    assert len(set(counts)) == 1, "{} POSTs, {} jobs done, {} webhooks".format(*counts)
    return f"{counts[0]} jobs succeeded, each with its webhook"


def went_on(tally: Tally, seconds: float) -> str:
    """An attack that came to nothing would prove nothing: as many rounds as a tenth of the time has room for."""
    rounds = {attack.name: tally.get(attack.name, {}).get(attack.comes_to, 0) for attack in ATTACKS}
    for attack in ATTACKS:
        least = max(1, int(seconds / attack.every_s / 10))
        came = f"{attack.name} came to {attack.comes_to} {rounds[attack.name]} times of {tally.get(attack.name)}"
        assert rounds[attack.name] >= least, f"{came}, not {least}"
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in rounds.items())


# -- the good client --------------------------------------------------------------------------------------------------


async def bob(url: str, seconds: float) -> Felt:
    """A job every so often, each waited for, each with a webhook."""
    felt, arrived = Felt(), dict[str, asyncio.Event]()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split()[1].decode()
        arrived[path.strip("/")].set()
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(receive, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    headers = {"Authorization": f"Bearer {KEYS['bob']}"}
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, headers=headers) as http:

        async def one(number: int) -> None:
            heard = arrived[str(number)] = asyncio.Event()
            body = {
                "prompt": f"bob {number} {time.time_ns()}",
                "use_cache": False,
                "webhook": {"url": f"http://{HOST}:{port}/{number}"},
                "metadata": {"stub": {"seconds": BOBS_JOB_S}},
            }
            began = time.monotonic()
            try:
                answer = await http.post("/jobs", json=body)
                felt.posts.append(time.monotonic() - began)
                job = answer.raise_for_status().json()
                while not job["done"]:
                    answer = await http.get(f"/jobs/{job['id']}", headers={"Prefer": "wait=20"})
                    job = answer.raise_for_status().json()
                felt.jobs.append(time.monotonic() - began)
                assert job["status"] == "succeeded", job["error"]
                await asyncio.wait_for(heard.wait(), LATE_S)
                felt.webhooks.append(time.monotonic() - began)
            except (httpx.HTTPError, AssertionError, TimeoutError) as error:
                felt.faults.append(f"job {number}: {type(error).__name__}: {error}")

        async with asyncio.TaskGroup() as group:
            until = time.monotonic() + seconds
            number = 0
            while time.monotonic() < until:
                group.create_task(one(number))
                number += 1
                await asyncio.sleep(EVERY_S)
    server.close()
    return felt
