"""One hostile client against another, one attack at a time, each with its limit: what `hostile` does all at once.

Short and the same each time, so that a break of one promise shows as the failure of its own drill.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx

from tests.chaos.attacks import HANGING, hanging
from tests.chaos.hostile import KEYS, SECRET
from tests.chaos.report import Report
from tests.chaos.stage import HOST, Process, Stage, free_port, until

LAYER = "neighbours"
ROWS, STREAMS = 4, 4
UNREAD_S = 3.0  # a body that does not come is waited for, for 10 s
WEBHOOK_S = 5.0  # a try at a receiver that hangs takes 15 s
JOBS, JOB_S, WAIT_S = 40, 0.5, 1.5  # first in, first out: 5 s; a thousand doorbells in vain: 3 s and more
ROUNDS, HELD_MS = 3, 50.0  # the quickest round counts: the machine may do other things meanwhile
PIECES = 2  # at least, of the cancel of a thousand jobs


@dataclass
class Neighbours:
    """Alice attacks, bob is the other; anybody uses the API that has no keys, on the same Redis."""

    stage: Stage
    alice: httpx.Client
    bob: httpx.Client
    anybody: httpx.Client

    def body_before_the_key(self) -> str:
        host, _, port = self.stage.api_url.removeprefix("http://").partition(":")
        head = (
            f"POST /batches HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n"
        )
        at = time.monotonic()
        with socket.create_connection((host, int(port)), timeout=UNREAD_S) as connection:
            connection.sendall(f'{head}\r\n{{"jobs":['.encode())
            status = connection.recv(65536)[len("HTTP/1.1 ") :][:3]
        assert status == b"401", status
        return f"answered 401 after {time.monotonic() - at:.2f} s, its body unread"

    def hanging_receivers(self) -> str:
        places = [f"http://{host}:{port}/" for host, port in map(hanging, HANGING)]
        jobs = [{"prompt": "x", "use_cache": False, "webhook": {"url": url, "events": ["status"]}} for url in places]
        assert self.alice.post("/batches", json={"jobs": jobs * 8}).status_code == 202
        time.sleep(2)  # her events are under way
        with receiver() as (url, arrived):
            at = time.monotonic()
            assert self.bob.post("/jobs", json={"prompt": "x", "webhook": {"url": url}}).is_success
            assert arrived.wait(WEBHOOK_S), f"the other's webhook did not come within {WEBHOOK_S:g} s"
        return f"16 of them, and the other's webhook came after {time.monotonic() - at:.2f} s"

    def a_queue_before_it(self) -> str:
        job = {"prompt": "x", "use_cache": False, "metadata": {"stub": {"seconds": JOB_S}}}
        batch = self.alice.post("/batches", json={"jobs": [job] * JOBS}).raise_for_status().json()
        until(lambda: int(self.stage.direct.zcard("sq:running")) >= ROWS, 30, "every row is taken")
        outcome = self._starts_soon(job)
        assert self.alice.post(f"/batches/{batch['id']}/cancel").is_success
        return outcome

    def doorbells_before_it(self) -> str:
        job = {"prompt": "x", "use_cache": False, "metadata": {"stub": {"seconds": 20}}}
        batch = self.alice.post("/batches", json={"jobs": [job] * 1000}).raise_for_status().json()
        until(lambda: int(self.stage.direct.zcard("sq:running")) >= ROWS, 30, "every row is taken")
        assert self.alice.post(f"/batches/{batch['id']}/cancel").is_success
        return self._starts_soon({"prompt": "x", "use_cache": False})

    def _starts_soon(self, job: dict[str, Any]) -> str:
        key = f"sq:job:{self.bob.post('/jobs', json=job).raise_for_status().json()['id']}"
        started = until(lambda: self.stage.direct.hget(key, "first_started"), 30, "it starts")
        waited_s = (int(str(started)) - int(str(self.stage.direct.hget(key, "created")))) / 1000
        assert waited_s < WAIT_S, f"it started after {waited_s:.2f} s, not within {WAIT_S:g} s"
        return f"it started after {waited_s:.2f} s"

    def streams(self) -> str:
        job = {"prompt": "x", "use_cache": False, "metadata": {"stub": {"seconds": 20}}}
        watched = f"/jobs/{self.alice.post('/jobs', json=job).raise_for_status().json()['id']}"
        others = f"/jobs/{self.bob.post('/jobs', json=job).raise_for_status().json()['id']}"
        with ExitStack() as stack:
            opened = [
                stack.enter_context(client.stream("GET", f"{path}/events")).status_code
                for client, path in [(self.alice, watched)] * (STREAMS + 1) + [(self.bob, others)]
            ]
        for client, path in (self.alice, watched), (self.bob, others):
            client.post(f"{path}/cancel")
        assert opened == [200] * STREAMS + [429, 200], opened
        return f"the {STREAMS + 1}th was refused, the other's was opened"

    def pages_of_other_sites(self) -> str:
        rebound = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000", "Sec-Fetch-Site": "same-origin"}
        across = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
        attempts = [
            self.anybody.get("/jobs", headers=rebound),
            self.anybody.post("/jobs", json={"prompt": "planted"}, headers=rebound),
            self.anybody.post("/jobs", json={"prompt": "planted"}, headers=across),
        ]
        codes = [answer.json().get("code", answer.status_code) for answer in attempts]
        assert codes == ["host_refused", "host_refused", "origin_refused"], codes
        assert self.anybody.get("/jobs").json()["jobs"] == []
        return "refused: read and changed nothing"

    def a_batch_of_alike_jobs(self) -> str:
        direct, pieces, longest_ms = self.stage.direct, set[int](), []
        direct.config_set("slowlog-max-len", 10_000)
        for number in range(ROUNDS):
            jobs = [{"prompt": f"alike {number} {n % 4}", "metadata": {"stub": {"seconds": 20}}} for n in range(1000)]
            batch = self.alice.post("/batches", json={"jobs": jobs}).raise_for_status().json()
            direct.config_set("slowlog-log-slower-than", 0)
            direct.execute_command("SLOWLOG", "RESET")
            answer = self.alice.post(f"/batches/{batch['id']}/cancel").raise_for_status().json()
            direct.config_set("slowlog-log-slower-than", -1)
            scripts = [entry for entry in direct.slowlog_get(10_000) if is_script_of(batch["id"], entry)]
            pieces.add(len(scripts))
            longest_ms.append(max((entry["duration"] / 1000 for entry in scripts), default=0.0))
            assert answer["counts"]["canceled"] + answer["counts"]["canceling"] == 1000, answer["counts"]
        outcome = f"canceled in {min(pieces)} pieces, the longest of {min(longest_ms):.0f} ms"
        assert min(pieces) >= PIECES, outcome
        assert min(longest_ms) < HELD_MS, outcome
        return outcome


def is_script_of(batch_id: str, entry: dict[str, Any]) -> bool:
    """Of the slow log, where the commands in a script stand for themselves, too."""
    command = entry["command"]
    text = command.decode() if isinstance(command, bytes) else str(command)
    return text.startswith("EVALSHA") and batch_id in text


@contextmanager
def receiver() -> Iterator[tuple[str, Event]]:
    """Of webhooks: where it is, and whether one has come."""
    arrived = Event()

    def take() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            arrived.set()
            connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    with socket.create_server((HOST, 0)) as listener:
        Thread(target=take, daemon=True).start()
        yield f"http://{HOST}:{listener.getsockname()[1]}/", arrived


def run(report: Report, folder: Path) -> None:
    settings: dict[str, Any] = {
        "api__keys": ",".join(f"{name}:{key}" for name, key in KEYS.items()),
        "api__max_streams": STREAMS,
        "webhooks__secret": SECRET,
        "webhooks__allow_private": "true",
        "worker__max_batch": ROWS,
    }
    with Stage(folder / LAYER, **settings) as stage, ExitStack() as stack:

        def beside(name: str, *command: str, **environment: str) -> None:
            process = Process(name, [sys.executable, "-m", *command], folder / f"{name}.log", environment)
            stack.callback(process.kill)
            process.start()

        def client(url: str, key: str = "") -> httpx.Client:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            return stack.enter_context(httpx.Client(base_url=url, timeout=60, trust_env=False, headers=headers))

        port = free_port()
        beside("open", "uvicorn", "api.app:app", "--port", f"{port}", **stage.settings | {"SCRIPTQUEUE_API__KEYS": ""})
        beside("webhooks", "worker.webhooks", **stage.settings)
        stage.start_worker("w")
        stage.start_api()
        stage.ready(1, key=KEYS["bob"])
        alice, bob = (client(stage.api_url, KEYS[name]) for name in ("alice", "bob"))
        anybody = client(f"http://{HOST}:{port}")
        until(lambda: answers(anybody), 30, "the API without keys answers")
        pair = Neighbours(stage, alice, bob, anybody)
        for fault, drill in {
            "a large body without a key": pair.body_before_the_key,
            "a page of another site, under a name of its own": pair.pages_of_other_sites,
            "more event streams than one client may have": pair.streams,
            f"{JOBS} jobs before another client's": pair.a_queue_before_it,
            "1000 canceled jobs before another client's": pair.doorbells_before_it,
            "cancel of a batch of 4 x 250 alike jobs": pair.a_batch_of_alike_jobs,
            "receivers of webhooks that hang": pair.hanging_receivers,
        }.items():
            report.check(LAYER, fault, drill)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.HTTPError:
        return False
