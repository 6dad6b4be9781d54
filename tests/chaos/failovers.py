"""Failovers under load: a primary, its replicas, three Sentinels; what was accepted and is not there afterwards.

Two submitters post about 8 jobs a second, each again under its key until it is accepted; a reader notes every answer
and whether it ever changes. Without REDIS__REPLICAS losses are counted, with it there may be none.

By hand all is on the loopback: a link that is cut, frozen or leads elsewhere is a `Wire` there, for each of two servers
by itself. Servers and Sentinels stand on hosts of their own (tests/chaos/network.py) where there can be such: then
unplanned failovers are a killed process and a host that is cut off, in turns. Else they are on the loopback, too.

`python -m tests.chaos.failovers` is the two shortest drills, which the mutants are tried on.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

import httpx

from tests.chaos.network import Network, impossible
from tests.chaos.report import Report, spread
from tests.chaos.stage import HOST, Process, Worker, free_port, until
from tests.integration.api.wire import Wire
from tests.integration.failing_over import Sentinels, Server, followed, pair

LAYER = "failover"
COUNT = 5  # of failovers by Sentinels of each kind
PACE_S = 0.25  # of one submitter
SETTLED_S = 60.0
AGAIN_S = 15.0  # until a POST is accepted, at most
MEDIAN_S = 5.0  # the same, the median of so many failovers or more
FINAL = {"succeeded", "failed", "canceled", "expired"}


@dataclass
class Load:
    """What was accepted by which API, when, why other POSTs were not, and every answer of a job that was done."""

    job: dict[str, Any] = field(default_factory=dict)  # besides its prompt
    refused: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, float] = field(default_factory=dict)  # when the answer was there
    sent: dict[str, float] = field(default_factory=dict)  # the POST that was accepted
    answers: dict[str, str] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    # attempt, scenes, how it ended
    seen: dict[str, tuple[int, list[Any], list[Any] | None]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    older: set[str] = field(default_factory=set)  # later told in an earlier state, or ended at another time
    lock: Lock = field(default_factory=Lock)
    looking: Lock = field(default_factory=Lock)  # what is read later is compared later
    ended: Event = field(default_factory=Event)

    def submit(self, url: str) -> None:
        with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
            while not self.ended.wait(PACE_S):
                key = uuid4().hex
                while not self.ended.is_set() and not self._posted(client, key):
                    time.sleep(PACE_S)

    def _posted(self, client: httpx.Client, key: str) -> bool:
        job = {"prompt": key, "use_cache": False, "result_ttl_s": 7200, **self.job}
        sent = time.monotonic()
        try:
            answer = client.post("/jobs", json=job, headers={"Idempotency-Key": key})
        except httpx.HTTPError:
            return False
        if answer.status_code not in (200, 202):
            self.refused[f"{answer.status_code} {answer.json().get('code')}"] += 1
            return False
        if answer.json()["durability"] == "primary":
            return False  # it was said to be on the primary alone
        job_id = answer.json()["id"]
        with self.lock:
            self.sent[job_id], self.accepted[job_id] = sent, time.monotonic()
        return True

    def read(self, url: str) -> None:
        with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
            while not self.ended.wait(0.1):
                with self.lock:
                    ids = [job_id for job_id in self.accepted if job_id not in self.answers and job_id not in self.lost]
                for job_id in ids[:20]:
                    self.look(client, job_id)

    def look(self, client: httpx.Client, job_id: str) -> int:
        """The status of the answer."""
        with self.looking:
            try:
                answer = client.get(f"/jobs/{job_id}")
            except httpx.HTTPError:
                return 0
            if answer.status_code == 404:
                self.lost.add(job_id)
            if answer.status_code == 200:
                self._compare(job_id, answer.json())
        return answer.status_code

    def _compare(self, job_id: str, job: dict[str, Any]) -> None:
        ended = [job[name] for name in ("status", "finished_at", "error", "metrics")] if job["done"] else None
        attempt, scenes, end = self.seen.get(job_id, (0, [], None))
        if job["attempt"] < attempt or job["scenes"][: len(scenes)] != scenes or (end and ended != end):
            self.older.add(job_id)
        self.seen[job_id] = job["attempt"], job["scenes"], ended
        if job["done"] and job["durability"] != "primary":
            text = f"{job['status']} {job['result']}"
            with self.lock:
                if self.answers.setdefault(job_id, text) != text:
                    self.changed.add(job_id)

    def gap_s(self, since: float) -> float:
        """The longest time without an accepted POST, since a moment shortly before the fault."""
        with self.lock:
            times = sorted(at for at in self.accepted.values() if at >= since - 2 * PACE_S)
        return max((later - earlier for earlier, later in pairwise(times)), default=AGAIN_S)


class Service:
    """An API for each address and one worker, at the first. `job`: what each asks for besides its prompt."""

    def __init__(self, folder: Path, urls: list[str], replicas: int, job: dict[str, Any]) -> None:
        self.load, self.urls = Load(job), []
        self._processes: list[Process] = []
        common = {"SCRIPTQUEUE_REDIS__REPLICAS": str(replicas), "SCRIPTQUEUE_MODEL__NAME": "stub"}
        folder.mkdir(parents=True, exist_ok=True)
        for number, url in enumerate(urls):
            port = free_port()
            command = [sys.executable, "-m", "uvicorn", "api.app:app", "--host", HOST, "--port", str(port)]
            environment = {**common, "SCRIPTQUEUE_REDIS__URL": url}
            self._processes.append(Process(f"api{number}", command, folder / f"api{number}.log", environment))
            self.urls.append(f"http://{HOST}:{port}")
        environment = {**common, "SCRIPTQUEUE_REDIS__URL": urls[0], "SCRIPTQUEUE_WORKER__METRICS_PORT": "0"}
        self._processes.append(Worker("worker", folder / "worker.log", environment, supervised=True))
        self.start()
        self._threads = [Thread(target=self.load.submit, args=(url,), daemon=True) for url in (self.urls * 2)[:2]]
        self._threads.append(Thread(target=self.load.read, args=(self.urls[0],), daemon=True))
        for thread in self._threads:
            thread.start()
        time.sleep(2)

    def start(self) -> None:
        for process in self._processes:
            process.start()
        for url in self.urls:
            until(partial(_ready, url), SETTLED_S, "a worker is ready")

    def kill(self) -> None:
        for process in self._processes:
            if process.alive:
                process.kill()

    def verify(self) -> tuple[int, int, int]:
        """How many were accepted, lost and changed, when all is quiet."""
        self.load.ended.set()
        for thread in self._threads:
            thread.join()
        statuses = dict.fromkeys(self.load.accepted, 0)
        with httpx.Client(base_url=self.urls[0], timeout=10, trust_env=False) as client:

            def settled() -> bool:
                for job_id, status in statuses.items():
                    if status != 404 and (status == 0 or job_id not in self.load.answers):
                        statuses[job_id] = self.load.look(client, job_id)
                return all(status == 404 or job_id in self.load.answers for job_id, status in statuses.items())

            try:
                until(settled, SETTLED_S, "every job is done or lost", every_s=0.2)
            except TimeoutError as error:
                left = [
                    job_id for job_id, status in statuses.items() if status != 404 and job_id not in self.load.answers
                ]
                answer = client.get(f"/jobs/{left[0]}")
                raise TimeoutError(f"{error}: {len(left)} are not, the first is {answer.text[:600]}") from None
            for job_id in self.load.answers:
                statuses[job_id] = self.load.look(client, job_id)
        self.load.lost = {job_id for job_id, status in statuses.items() if status == 404}
        return len(statuses), len(self.load.lost), len(self.load.changed)

    def close(self) -> None:
        self.load.ended.set()
        self.kill()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def serving(folder: Path, urls: list[str], replicas: int, job: dict[str, Any] | None = None) -> Iterator[Service]:
    service = Service(folder, urls, replicas, job or {})
    try:
        yield service
    finally:
        service.close()


@dataclass
class Scene:
    """Two servers; API 0 and the worker reach the primary by `line`, a second API by `other`, the replica by `link`."""

    first: Server
    second: Server
    line: Wire
    other: Wire
    link: Wire

    def move(self) -> None:
        """The replica is the primary from now on, and the address leads to it."""
        self.second.follow(None)
        self.line.lead_to(self.second.place)

    def come_back(self) -> None:
        """The old primary, as a replica of the new one."""
        if not self.first.process.alive:
            self.first.process.start()
            until(self.first.answers, 20, "it is back")
        self.first.follow(self.second)


def killed(scene: Scene) -> None:
    scene.first.process.kill()
    time.sleep(1)
    scene.move()
    scene.come_back()


def behind(scene: Scene) -> None:
    scene.link.freeze()
    time.sleep(2)
    killed(scene)
    scene.link.mend()


def softly(scene: Scene) -> None:
    scene.move()
    scene.first.follow(scene.second)


def split(scene: Scene) -> None:
    scene.move()
    scene.line.cut()
    scene.line.mend()
    time.sleep(6)
    scene.other.lead_to(scene.second.place)
    scene.first.follow(scene.second)


BY_HAND: dict[str, Callable[[Scene], None]] = {
    "primary killed, replica promoted after 1 s": killed,
    "the same, the replica 2 s behind": behind,
    "demoted softly, connections stay": softly,
    "split brain of 6 s, one API on the old primary": split,
}


def by_hand(folder: Path, fault: Callable[[Scene], None], replicas: int) -> dict[str, Any]:
    with pair(folder) as (first, second):
        wires = [Wire(first.place) for _ in range(3)]
        scene = Scene(first, second, *wires)
        second.client.execute_command("REPLICAOF", HOST, wires[2].port)
        until(second.in_step, 20, "the replica follows")
        try:
            with serving(
                folder / "service", [f"redis://{HOST}:{wire.port}/0" for wire in wires[:2]], replicas
            ) as all_of:
                return under(all_of, [lambda: fault(scene)])
        finally:
            for wire in wires:
                wire.close()


def by_sentinels(
    folder: Path, replicas: int, faults: Sequence[str], *, network: Network | None = None, careful: bool = False
) -> dict[str, Any]:
    """One failover after another: "planned"; "killed"; "frozen": the primary stands still, and wakes as a primary when
    another is one; "cut": nobody reaches its host until then. `careful`: it takes writes only while both replicas
    follow."""
    hosts = [network.host() for _ in range(6)] if network else []
    with followed(folder, replicas=2, hosts=hosts) as servers:
        sentinels = Sentinels(folder, servers[0].place, down_ms=1000, hosts=hosts[3:])
        for server in servers if careful else ():
            server.client.config_set("min-replicas-to-write", 2)
            server.client.config_set("min-replicas-max-lag", 2)

        def fail_over(fault: str) -> None:
            before = sentinels.primary()
            (primary,) = (server for server in servers if server.place == before)
            replicas_in_step = [server for server in servers if server is not primary]
            until(lambda: all(server.in_step() for server in replicas_in_step), 30, "the replicas follow")
            with ExitStack() as mending:
                if fault == "planned":
                    sentinels.fail_over()
                elif fault == "killed":
                    primary.process.kill()
                    mending.callback(primary.process.start)
                elif fault == "frozen":
                    primary.process.send(signal.SIGSTOP)
                    mending.callback(primary.process.send, signal.SIGCONT)
                else:
                    assert network
                    network.cut(primary.host)
                    mending.callback(network.mend, primary.host)
                until(lambda: sentinels.primary() != before, 30, "another is the primary")

        try:
            with serving(folder / "service", [sentinels.url], replicas) as service:
                return under(service, [partial(fail_over, fault) for fault in faults])
        finally:
            sentinels.close()


def under(service: Service, faults: list[Callable[[], None]]) -> dict[str, Any]:
    """The faults one after another under load, and what became of what was accepted."""
    gaps = []
    for fault in faults:
        at = time.monotonic()
        fault()
        for _ in range(3):  # what was accepted just before the fault is no sign of its end
            time.sleep(3)
            until(lambda: accepted_since(service.load, time.monotonic() - 1), SETTLED_S, "a POST is accepted again")
        gaps.append(service.load.gap_s(at))
    accepted, lost, changed = service.verify()
    return {"accepted": accepted, "lost": lost, "changed": changed, "again": spread(gaps)}


def accepted_since(load: Load, since: float) -> bool:
    with load.lock:
        return any(at > since for at in load.accepted.values())


def ended_since(load: Load, since: float) -> bool:
    """Whether a job that was accepted since then is done."""
    with load.lock:
        return any(at > since and job_id in load.answers for job_id, at in load.accepted.items())


def run(report: Report, folder: Path, count: int = COUNT) -> None:
    with nullcontext() if impossible() else Network() as network:
        _run(report, folder, count, network)


def _run(report: Report, folder: Path, count: int, network: Network | None) -> None:
    unplanned = [("killed", "cut")[n % 2] if network else "killed" for n in range(count)]
    for replicas in (0, 1):
        for fault, play in BY_HAND.items():
            _check(report, fault, replicas, partial(by_hand, fault=play, replicas=replicas), folder)
        where = "on hosts of their own" if network else "on the loopback"
        for name, faults in {
            f"Sentinels {where}, {count} planned": ["planned"] * count,
            f"Sentinels {where}, {count} unplanned": unplanned,
            "Sentinels, the primary frozen, woken when another is one": ["frozen"],
        }.items():
            _check(
                report, name, replicas, partial(by_sentinels, replicas=replicas, faults=faults, network=network), folder
            )
        careful = partial(by_sentinels, replicas=replicas, faults=["planned"], careful=True)
        _check(report, "Sentinels, planned, min-replicas-to-write 2 of 2, max-lag 2", replicas, careful, folder)


def _check(report: Report, fault: str, replicas: int, play: Callable[[Path], dict[str, Any]], folder: Path) -> None:
    def checked() -> str:
        figures = play(folder / f"failover{len(report.rows)}")
        name = f"failover: {fault}, REPLICAS={replicas}"
        report.figures[name] = figures
        again, careful = figures["again"], "min-replicas" in fault
        assert not figures["changed"], figures
        assert careful or (again["max"] <= AGAIN_S and (again["n"] < COUNT or again["p50"] <= MEDIAN_S)), figures
        assert not (figures["lost"] and (replicas or careful)), figures
        lost = f"{figures['lost']} lost, {figures['changed']} changed"
        median = f" (p50 {again['p50']:.1f} s)" if again["n"] > 1 else ""
        return f"of {figures['accepted']} accepted {lost}; POST again after {again['max']:.1f} s at most{median}"

    report.check(LAYER, f"{fault}, REDIS__REPLICAS={replicas}", checked)


def main() -> int:
    report = Report()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        short: dict[str, Callable[[Path], dict[str, Any]]] = {
            "primary killed, the replica 2 s behind": partial(by_hand, fault=behind, replicas=1),
            "Sentinels, 4 planned": partial(by_sentinels, replicas=1, faults=["planned"] * 4),
        }
        for fault, play in short.items():
            if not report.violations:  # one is enough
                _check(report, fault, 1, play, Path(folder))
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
