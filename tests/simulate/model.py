"""The record of a job as a small machine in plain Python, and every way it can go: two jobs that ask for the same, so
that one leads and one follows, two workers, one crash, one lease that ends, one cancel, one failure.

`moves` gives all that can come next; tests/simulate/exhaustive.py makes each of them on a real server and compares.
Knows no Redis and no time: a lease ends when the move says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

JOBS, WORKERS = (0, 1), ("ada", "bob")
HELD = ("running", "canceling")
FINAL = ("succeeded", "failed", "canceled", "expired")


@dataclass(frozen=True)
class Record:
    """`role`: leader, follower, or '' for a job on its own; `worker`: who holds it; `attempt`: how many starts."""

    status: str = "none"
    role: str = ""
    attempt: int = 0
    worker: str = ""

    @property
    def ended(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True)
class State:
    jobs: tuple[Record, Record] = (Record(), Record())
    crashes: int = 1  # that may still come, as the others below
    lapses: int = 1
    cancels: int = 1
    failures: int = 1
    expiries: int = 1
    starts: int = 4

    def with_job(self, job: int, **fields: object) -> State:
        jobs = list(self.jobs)
        jobs[job] = replace(jobs[job], **fields)  # type: ignore[arg-type]  # the fields of a record
        return replace(self, jobs=(jobs[0], jobs[1]))

    @property
    def leader(self) -> int | None:
        return next((job for job in JOBS if self.jobs[job].role == "leader" and not self.jobs[job].ended), None)


@dataclass(frozen=True)
class Move:
    """What is done, to which job or worker."""

    name: str
    job: int = 0
    worker: str = ""


def moves(state: State) -> Iterator[tuple[Move, State]]:
    """All that can come next, and where it leads."""
    for job in JOBS:
        record = state.jobs[job]
        if record.status == "none" and (job == 0 or state.jobs[0].status != "none"):
            yield Move("submit", job), _submitted(state, job)
        if record.status == "queued" and record.role != "follower" and state.starts:
            for worker in WORKERS:
                yield Move("claim", job, worker), _claimed(replace(state, starts=state.starts - 1), job, worker)
        if record.worker:
            yield Move("renew", job, record.worker), state
            yield from _ends(state, job)
        if state.cancels and record.status in ("queued", "running"):
            yield Move("cancel", job), _canceled(replace(state, cancels=0), job)
        if state.expiries and record.status == "queued" and not record.attempt:
            yield Move("expire", job), _ended(replace(state, expiries=0), job, "expired")
    for worker in WORKERS:
        if state.crashes and any(record.worker == worker for record in state.jobs):
            yield Move("crash", worker=worker), _lost(replace(state, crashes=0), worker)
        if state.lapses and any(record.worker == worker for record in state.jobs):
            yield Move("lapse", worker=worker), _lost(replace(state, lapses=0), worker)


def _ends(state: State, job: int) -> Iterator[tuple[Move, State]]:
    record = state.jobs[job]
    stops = record.status == "canceling"
    yield Move("succeed", job, record.worker), _ended(state, job, "canceled" if stops else "succeeded")
    if state.failures:
        left = replace(state, failures=0)
        yield Move("fail", job, record.worker), _ended(left, job, "canceled" if stops else "failed")
    yield Move("give back", job, record.worker), _ended(state, job, "canceled") if stops else _requeued(state, job)
    if stops:
        yield Move("confirm cancel", job, record.worker), _ended(state, job, "canceled")


def _submitted(state: State, job: int) -> State:
    leader = state.leader
    if leader is None:
        return state.with_job(job, status="queued", role="leader")
    first = state.jobs[leader]
    if first.status == "running":
        return state.with_job(job, status="running", role="follower", attempt=first.attempt)
    return state.with_job(job, status="queued", role="follower")


def _claimed(state: State, job: int, worker: str) -> State:
    attempt = state.jobs[job].attempt + 1
    return _followed(state.with_job(job, status="running", attempt=attempt, worker=worker), job)


def _followed(state: State, leader: int) -> State:
    """Who follows shows what its leader does, though not that it is being stopped."""
    first, follower = state.jobs[leader], 1 - leader
    second = state.jobs[follower]
    if first.role != "leader" or second.role != "follower" or second.ended:
        return state
    if first.status == "queued" and second.status == "running":
        return state.with_job(follower, status="queued")
    if first.status == "running" and second.status == "queued":
        return state.with_job(follower, status="running", attempt=first.attempt)
    return state


def _requeued(state: State, job: int) -> State:
    return _followed(state.with_job(job, status="queued", worker=""), job)


def _canceled(state: State, job: int) -> State:
    record = state.jobs[job]
    if record.status == "running" and record.role != "follower":
        return state.with_job(job, status="canceling")
    return _ended(state, job, "canceled")


def _lost(state: State, worker: str) -> State:
    for job in JOBS:
        if state.jobs[job].worker == worker:
            stops = state.jobs[job].status == "canceling"
            state = _ended(state, job, "canceled") if stops else _requeued(state, job)
    return state


def _ended(state: State, job: int, status: str) -> State:
    """Its follower gets its result, or takes its place."""
    record, follower = state.jobs[job], 1 - job
    state = state.with_job(job, status=status, worker="")
    second = state.jobs[follower]
    if record.role != "leader" or second.role != "follower" or second.ended:
        return state
    if status == "succeeded":
        return state.with_job(follower, status="succeeded", role="")
    return state.with_job(follower, status="queued", role="leader")
