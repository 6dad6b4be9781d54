"""The hostile client of the layer `hostile`: `python -m tests.chaos.attacks URL KEY` attacks until its stdin ends.

All attacks at once, each in rounds of its own. Then it prints how often each round came to what. It stays on loopback
at low priority, for it shares this machine's cores, and each attack is bounded in rate, bytes and connections.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx

from shared.parent_death import die_with
from tests.chaos.stage import ROOT

OWN_ADDRESS = "127.0.0.2"  # that of another machine, as far as the service can tell
HANGING = [f"127.0.1.{number}" for number in range(1, 17)]
JOB_S = 0.2
DEEP, HELD = 2000, 600
NICER = 10
ENDS_S = 10.0

Tally = dict[str, dict[str, int]]  # of each attack: how often its rounds came to what


@dataclass(frozen=True)
class Attack:
    """`comes_to`: what a round that reached the service does; anything else is a round that did not."""

    name: str
    every_s: float
    comes_to: str


ATTACKS = (
    Attack("large_bodies_without_a_key", 0.2, "unauthorized"),
    Attack("a_million_unknown_keys", 2.0, "body_too_large"),
    Attack("bodies_that_are_refused", 1.0, "encoded_body"),
    Attack("pages_of_other_sites", 0.5, "origin_refused"),
    Attack("hanging_receivers", 1.0, "202"),
    Attack("a_batch_of_alike_jobs", 5.0, "canceled"),
    Attack("a_deep_queue", 2.0, "deep"),
    Attack("streams", 1.0, "429"),
    Attack("idle_connections", 1.0, "closed"),
)


class Alice:
    """Each attack is a method: one round, which returns what it came to."""

    def __init__(self, url: str, key: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._address = (host, int(port))
        self._key = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(
            base_url=url, timeout=60, trust_env=False, transport=httpx.HTTPTransport(local_address=OWN_ADDRESS)
        )
        self._large = b'{"jobs":[' + b",".join([b"{}"] * 5_500_000) + b"]}"
        self._unknown = b'{"jobs":[{' + b",".join(b'"k%d":0' % n for n in range(1_000_000)) + b"}]}"
        self._hanging = [hanging(host) for host in HANGING]
        self._streams: deque[socket.socket] = deque()
        self._idle: deque[socket.socket] = deque()

    def large_bodies_without_a_key(self) -> str:
        return _outcome(self._http.post("/batches", content=self._large, headers=_JSON))

    def a_million_unknown_keys(self) -> str:
        return _outcome(self._http.post("/batches", content=self._unknown, headers=_JSON | self._key))

    def bodies_that_are_refused(self) -> str:
        packed = gzip.compress(json.dumps({"prompt": "packed"}).encode())
        return _outcome(
            self._http.post("/jobs", content=packed, headers=_JSON | self._key | {"Content-Encoding": "gzip"})
        )

    def pages_of_other_sites(self) -> str:
        headers = {"Host": "evil.example", "Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        self._http.get("/jobs", headers=headers)
        return _outcome(self._http.post("/jobs", json={"prompt": "planted"}, headers=headers | self._key))

    def hanging_receivers(self) -> str:
        """On 16 addresses, each of which takes connections and never answers."""
        jobs = [
            {
                "prompt": f"hang {place} {time.time_ns()}",
                "use_cache": False,
                "webhook": {"url": f"http://{host}:{port}/", "events": ["status", "scene", "done"]},
            }
            for place, (host, port) in enumerate(self._hanging)
        ]
        return _outcome(self._post("/batches", {"jobs": jobs}))

    def a_batch_of_alike_jobs(self) -> str:
        """Four times 250 of one likeness, canceled while they wait."""
        now = time.time_ns()
        batch = self._post("/batches", {"jobs": [{"prompt": f"alike {n % 4} {now}", **_STUB} for n in range(1000)]})
        if batch.status_code != 202:
            return _outcome(batch)
        canceled = self._post(f"/batches/{batch.json()['id']}/cancel", None)
        return "canceled" if canceled.is_success else _outcome(canceled)

    def a_deep_queue(self) -> str:
        waiting = sum(self._http.get("/queue", headers=self._key).raise_for_status().json()["depth"].values())
        if waiting >= DEEP:
            return "deep"
        now = time.time_ns()
        jobs = [{"prompt": f"deep {n} {now}", "use_cache": False, **_STUB} for n in range(1000)]
        return _outcome(self._post("/batches", {"jobs": jobs}))

    def streams(self) -> str:
        """50 more of a job that waits, and what the last of them is answered."""
        job = self._post("/jobs", {"prompt": f"watched {time.time_ns()}", "use_cache": False, **_STUB})
        if job.status_code != 202:
            return _outcome(job)
        for _ in range(50):
            self._hold(self._streams, f"/jobs/{job.json()['id']}/events")
        return self._streams[-1].recv(65536)[len("HTTP/1.1 ") :][:3].decode()

    def idle_connections(self) -> str:
        """50 more, and whether the oldest was closed to make room."""
        for _ in range(50):
            self._hold(self._idle, "/healthz")
        oldest = self._idle[0]
        oldest.setblocking(False)
        try:
            while oldest.recv(65536):
                pass
        except BlockingIOError:
            return "open"
        except ConnectionResetError:
            pass
        return "closed"

    def _hold(self, held: deque[socket.socket], path: str) -> None:
        if len(held) == HELD // 2:
            held.popleft().close()
        connection = socket.create_connection(self._address, timeout=5, source_address=(OWN_ADDRESS, 0))
        held.append(connection)
        lines = (f"GET {path} HTTP/1.1", f"Host: {OWN_ADDRESS}", f"Authorization: {self._key['Authorization']}")
        connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())

    def _post(self, path: str, body: Any) -> httpx.Response:
        return self._http.post(path, json=body, headers=self._key)


_JSON = {"Content-Type": "application/json"}
_STUB: dict[str, Any] = {"metadata": {"stub": {"seconds": JOB_S}}}


def _outcome(answer: httpx.Response) -> str:
    return str(answer.status_code if answer.is_success else answer.json().get("code", answer.status_code))


def hanging(host: str) -> tuple[str, int]:
    listener = socket.create_server((host, 0), backlog=512)

    def take_and_keep() -> None:
        kept: deque[socket.socket] = deque(maxlen=32)  # more than a sender has open at once
        while True:
            kept.append(listener.accept()[0])

    Thread(target=take_and_keep, daemon=True).start()
    return host, int(listener.getsockname()[1])


@contextmanager
def attacked(url: str, key: str, log: Path) -> Iterator[Tally]:
    """The attack runs meanwhile; afterwards the tally is filled."""
    tally: Tally = {}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.attacks", url, key],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - it only makes two system calls
        )
    try:
        yield tally
        output, _ = process.communicate(timeout=ENDS_S)
        tally |= json.loads(output or "{}")
    finally:
        process.kill()
        process.wait()


def main(url: str, key: str) -> int:
    os.nice(NICER)
    alice, ended = Alice(url, key), Event()
    tally: dict[str, Counter[str]] = {attack.name: Counter() for attack in ATTACKS}

    def again_and_again(attack: Attack) -> None:
        one_round: Callable[[], str] = getattr(alice, attack.name)
        while not ended.wait(attack.every_s):
            try:
                came_to = one_round()
            except (httpx.HTTPError, OSError) as error:  # hanging up on her is an answer, too
                came_to = type(error).__name__
            tally[attack.name][came_to] += 1

    for attack in ATTACKS:
        Thread(target=again_and_again, args=(attack,), daemon=True).start()
    sys.stdin.read()
    ended.set()
    print(json.dumps(tally), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
