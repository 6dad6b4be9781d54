"""Hostile clients beside a good one: what alice does with and without her key must not be felt by bob.

First bob alone, then bob while all attacks run at once, in a process of its own at low priority, for the two share
this machine's cores. `python -m tests.chaos.hostile URL KEY` is that process: it attacks until its stdin ends. All of
it stays on loopback, and each attack is bounded in rate, bytes and connections.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx

from shared.parent_death import die_with
from tests.chaos.report import Report, spread, words
from tests.chaos.stage import HOST, ROOT, Process, Stage, free_port

KEYS = {"alice": "alice-key-0123456789", "bob": "bob-key-0123456789"}
SECRET = "whsec_" + "QUFB" * 8
ALONE_S, MINUTES = 45.0, 5.0
EVERY_S = 0.4  # between two of bob's jobs
BOBS_JOB_S, ALICES_JOB_S = 1.0, 0.2
POST_P99_S = 0.25
SLOWER = 1.2  # times as long as without the attack, in the median
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
        stage.start_api()
        stage.start_worker("w")
        sender = Process("webhooks", [sys.executable, "-m", "worker.webhooks"], folder / "webhooks.log", stage.settings)
        sender.start()
        stack.callback(sender.kill)
        stage.ready(1)
        alone = asyncio.run(bob(stage.api_url, ALONE_S))
        with attacks(stage.api_url, folder / "attacks.log"):
            beside = asyncio.run(bob(stage.api_url, minutes * 60))
        alive = bool(stage.api and stage.api.alive and sender.alive)
    for name in ("posts", "jobs", "webhooks"):
        report.figures[f"hostile_{name}_s"] = {
            "alone": spread(getattr(alone, name)),
            "beside": spread(getattr(beside, name)),
        }
    report.check("hostile", "POSTs of another client", lambda: _quick(beside))
    for name in ("jobs", "webhooks"):
        report.check("hostile", f"{name} of another client", lambda name=name: _as_before(alone, beside, name))  # type: ignore[misc]
    report.check("hostile", "nothing of another client is lost", lambda: _whole(beside, alive=alive))


def _quick(beside: Felt) -> str:
    felt = spread(beside.posts)
    assert felt["p99"] < POST_P99_S, f"{words(felt)}; p99 must be under {POST_P99_S:g} s"
    return words(felt)


def _as_before(alone: Felt, beside: Felt, name: str) -> str:
    before, after = (statistics.median(getattr(felt, name)) for felt in (alone, beside))
    outcome = f"{after:.2f} s beside the attack, {before:.2f} s without it, in the median"
    assert after <= before * SLOWER, outcome
    return outcome


def _whole(beside: Felt, *, alive: bool) -> str:
    assert alive, "a process has ended"
    assert not beside.faults, beside.faults[:5]
    assert len(beside.webhooks) == len(beside.jobs) == len(beside.posts)
    return f"{len(beside.jobs)} jobs succeeded, each with its webhook"


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


# -- the hostile one --------------------------------------------------------------------------------------------------


@contextmanager
def attacks(url: str, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.hostile", url, KEYS["alice"]],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - it only makes two system calls
        )
    try:
        yield
        assert process.poll() is None, f"the attack ended by itself: {log.read_text()[-2000:]}"
    finally:
        process.kill()
        process.wait()


class Alice:
    """Each method is one round of one attack."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self._json = {"Content-Type": "application/json"}
        self._large = b'{"jobs":[' + b",".join([b"{}"] * 5_500_000) + b"]}"
        self._unknown = json.dumps({"jobs": [{f"k{n}": 0 for n in range(1_000_000)}]}).encode()
        self._hung = [self._hanging(f"127.0.1.{n}") for n in range(1, 17)]
        self._held: list[socket.socket] = []

    def large_bodies_without_a_key(self) -> None:
        with suppress(httpx.HTTPError):  # refused before it is sent to its end
            self._http.post("/batches", content=self._large, headers=self._json)

    def unknown_keys(self) -> None:
        with suppress(httpx.HTTPError):
            self._http.post("/batches", content=self._unknown, headers=self._json | self._key)

    def hanging_receivers(self) -> None:
        """On 16 addresses, each of which takes connections and never answers."""
        jobs = [
            {
                "prompt": f"hang {place} {time.time_ns()}",
                "use_cache": False,
                "webhook": {"url": f"http://{host}:{port}/", "events": ["status", "scene", "done"]},
            }
            for place, (host, port) in enumerate(self._hung)
        ]
        self._post("/batches", {"jobs": jobs})

    def a_batch_of_alike_jobs(self) -> None:
        """Four times 250 of one likeness, canceled while they wait."""
        jobs = [{"prompt": f"alike {n % 4} {time.time_ns() // 10**10}", "metadata": self._stub()} for n in range(1000)]
        batch = self._post("/batches", {"jobs": jobs})
        if batch.status_code == 202:
            self._post(f"/batches/{batch.json()['id']}/cancel", None)

    def a_deep_queue(self) -> None:
        waiting = sum(self._http.get("/queue", headers=self._key).json()["depth"].values())
        if waiting < 2000:
            jobs = [
                {"prompt": f"deep {n} {time.time_ns()}", "use_cache": False, "metadata": self._stub()}
                for n in range(1000)
            ]
            self._post("/batches", {"jobs": jobs})

    def streams_and_idle_connections(self) -> None:
        """Up to 600 of them, each opened again when it is closed on her."""
        job = self._post("/jobs", {"prompt": f"watched {time.time_ns()}", "metadata": self._stub()}).json()
        if "id" not in job:
            return
        host, _, port = self._url.removeprefix("http://").partition(":")
        for stream in (True, False) * 50:
            path = f"/jobs/{job['id']}/events" if stream else "/healthz"
            request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {self._key['Authorization']}\r\n\r\n"
            with suppress(OSError):
                held = socket.create_connection((host, int(port)), timeout=2)
                held.sendall(request.encode())
                self._held.append(held)
        while len(self._held) > 600:
            self._held.pop(0).close()

    def _post(self, path: str, body: Any) -> httpx.Response:
        return self._http.post(path, json=body, headers=self._key)

    def _stub(self) -> dict[str, Any]:
        return {"stub": {"seconds": ALICES_JOB_S}}

    def _hanging(self, host: str) -> tuple[str, int]:
        listener = socket.create_server((host, free_port()), backlog=512)
        Thread(target=_take_and_keep, args=(listener,), daemon=True).start()
        return host, int(listener.getsockname()[1])


def _take_and_keep(listener: socket.socket) -> None:
    kept = []
    while True:
        with suppress(OSError):
            kept.append(listener.accept())


def main(url: str, key: str) -> int:
    os.nice(10)
    alice, ended = Alice(url, key), Event()
    rounds: dict[Callable[[], None], float] = {  # and seconds between two
        alice.large_bodies_without_a_key: 0.2,
        alice.unknown_keys: 2.0,
        alice.hanging_receivers: 1.0,
        alice.a_batch_of_alike_jobs: 5.0,
        alice.a_deep_queue: 2.0,
        alice.streams_and_idle_connections: 1.0,
    }

    def again_and_again(attack: Callable[[], None], every_s: float) -> None:
        while not ended.wait(every_s):
            try:
                attack()
            except (httpx.HTTPError, OSError) as error:  # a refusal is what she deserves
                print(f"{attack.__name__}: {type(error).__name__}: {error}", flush=True)

    for attack, every_s in rounds.items():
        Thread(target=again_and_again, args=(attack, every_s), daemon=True).start()
    sys.stdin.read()
    ended.set()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
