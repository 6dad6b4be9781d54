"""All ways of the model, each step of them made on a real server by the real scripts and compared.

`python -m tests.simulate.exhaustive` also writes the diagram of a job's states into docs/guarantees.md: what the
scripts did, and not what somebody drew.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scriptqueue.schemas import JobRequest, Sampling
from shared.store.entry import NewJob
from shared.store.record import WORKER_LOST
from shared.store.sweep import Sweeps
from tests.simulate.history import LEASE_S, MAX_ATTEMPTS, SETTINGS
from tests.simulate.model import FINAL, HELD, JOBS, WORKERS, Move, Record, State, moves
from tests.simulate.world import Violation, World, server

DOCUMENT = Path(__file__).parents[2] / "docs/guarantees.md"
DIAGRAM = re.compile(r"```mermaid\n.*?```", re.DOTALL)
IDS = tuple(f"{job:08x}-0000-4000-8000-000000000000" for job in JOBS)
OUTDATED = "nobody/0/0"
BOARD = '{"title":"t","total_duration":5,"scenes":[]}'
FAULT = '{"code":"output_invalid","title":"t","detail":null,"retryable":true}'
LEASE_MS = int(LEASE_S * 1000)


@dataclass
class Walk:
    """Depth first, each state once. `changes`: from one status of a job to another, by which moves."""

    world: World
    seen: set[State] = field(default_factory=set)
    steps: int = 0
    changes: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def from_here(self, state: State, depth: int = 0) -> None:
        """Raises `Violation` where the server does not do what the model says."""
        self.seen.add(state)
        for move, after in moves(state):
            self.world.branch(depth)
            self._make(move)
            self.steps += 1
            self._compare(move, state, after)
            for before, record in zip(state.jobs, after.jobs, strict=True):
                if before.status != record.status:
                    self.changes.setdefault((before.status, record.status), set()).add(move.name)
            if after not in self.seen:
                self._refuses(after)
                self.from_here(after, depth + 1)

    def _compare(self, move: Move, state: State, after: State) -> None:
        for job in JOBS:
            expected, found = after.jobs[job], self._record(job)
            if expected != found:
                raise Violation(f"{move} of {state}: job {job} should be {expected}, and is {found}")
        faults = self.world.call("reconcile", {"repair": False, "ids": IDS})
        waiting = {
            IDS[job] for job in JOBS if after.jobs[job].status == "queued" and after.jobs[job].role != "follower"
        }
        running = {IDS[job] for job in JOBS if after.jobs[job].worker}
        found_waiting, found_running = set(self._members("sq:queued:normal")), set(self._members("sq:running"))
        if faults or found_waiting != waiting or found_running != running:
            raise Violation(f"{move} of {state}: {faults} {found_waiting} {found_running}")

    def _refuses(self, state: State) -> None:
        """An outdated attempt changes nothing, nor does a doorbell of what cannot be claimed."""
        for job, record in enumerate(state.jobs):
            answers = [self._finish(job, OUTDATED, "succeeded"), *self._renewed(job, OUTDATED)]
            if record.status not in ("none", "queued"):
                answers.append(self._claim(job, WORKERS[0])[0])
            if not {*answers} <= {"stale", "unknown", "lost", record.status} or "ok" in answers:
                raise Violation(f"{state}: job {job} answered {answers} to who has no right")
            if self._record(job) != record:
                raise Violation(f"{state}: job {job} was changed by who has no right")

    def _record(self, job: int) -> Record:
        fields = ("status", "role", "attempt", "worker")
        status, role, attempt, worker = self.world.ask("HMGET", f"sq:job:{IDS[job]}", *fields)
        if not status:
            return Record()
        return Record(status, role or "", int(attempt), worker if status in HELD and role != "follower" else "")

    def _members(self, key: str) -> list[str]:
        return list(self.world.ask("ZRANGE", key, 0, -1))

    def _make(self, move: Move) -> None:
        job, worker = move.job, move.worker
        token = self.world.ask("HGET", f"sq:job:{IDS[job]}", "token") or ""
        match move.name:
            case "submit":
                self._submit(job)
            case "claim":
                self._claim(job, worker)
            case "renew":
                self._renewed(job, token)
            case "succeed":
                self._finish(job, token, "succeeded", result=BOARD, source="stub", repairs="[]", model="{}")
            case "fail":
                self._finish(job, token, "failed", error=FAULT)
            case "confirm cancel":
                self._finish(job, token, "canceled")
            case "give back":
                self.world.call("give_back", {"id": IDS[job], "token": token})
            case "cancel":
                self.world.call("cancel", {"id": IDS[job], "client": "ada"})
            case "crash":
                lost = {"max_attempts": MAX_ATTEMPTS, "worker_lost": WORKER_LOST}
                self.world.call("release", {"worker": worker, "blame": "crashes", **lost})
            case "lapse":
                self._ends("sq:running", {one for one in IDS if one in self._members("sq:running")})
            case "expire":
                self._ends("sq:expiring", {IDS[job]})

    def _submit(self, job: int) -> None:
        request = JobRequest(prompt="alike", sampling=Sampling(seed=1))
        entry = NewJob(request, 1, job_id=IDS[job]).arguments(0)
        rules = {"max_queued": 100, "rate": 0, "most": 0, "shared": False, "cache_ttl_ms": 1000, "weight": 1}
        batch = {"batch": "", "batch_ttl_s": 1, "key": "", "fingerprint": ""}
        self.world.call("submit", {"client": "ada", **rules, **batch, "jobs": [entry]})

    def _claim(self, job: int, worker: str) -> list[Any]:
        limits = {"model": "", "lease_ms": LEASE_MS, "max_attempts": MAX_ATTEMPTS}
        return list(self.world.call("claim", {"rung": IDS[job], "worker": worker, **limits}))

    def _renewed(self, job: int, token: str) -> list[str]:
        report = {"progress": "{}", "writing": "", "scene_count": 0, "scenes": "[]", "resume": None}
        return list(
            self.world.call("renew", {"lease_ms": LEASE_MS, "reports": [{"id": IDS[job], "token": token, **report}]})
        )

    def _finish(self, job: int, token: str, status: str, **gained: str) -> str:
        fields = [{"field": name, "value": value} for name, value in gained.items()]
        return str(self.world.call("finish", {"id": IDS[job], "token": token, "status": status, "gained": fields}))

    def _ends(self, index: str, ids: set[str]) -> None:
        """A time has come, which the next sweep sees."""
        for one in ids:
            self.world.ask("ZADD", index, "XX", 1, one)
        self.world.ask("DEL", "sq:sweep-lock", "sq:swept")
        self.world.call("sweep", Sweeps(SETTINGS).arguments())


def walked(path: str) -> Walk:
    """The whole model, on a private server."""
    world = World(path)
    walk = Walk(world)
    walk.from_here(State())
    world.close()
    return walk


def diagram(walk: Walk) -> str:
    """In Mermaid's language, as it stands in the document."""
    lines = [
        f"    {'[*]' if before == 'none' else before} --> {after}: {', '.join(sorted(by))}"
        for (before, after), by in sorted(walk.changes.items())
    ]
    lines += [f"    {status} --> [*]" for status in FINAL]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def main() -> int:
    with server() as path:
        walk = walked(path)
    print(f"{len(walk.seen):,} states, {walk.steps:,} steps")
    DOCUMENT.write_text(DIAGRAM.sub(lambda _: diagram(walk), DOCUMENT.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
