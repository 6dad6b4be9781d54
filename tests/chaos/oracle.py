"""What the job store must do, in plain Python: the rules of shared/store/lua once more, written from what they promise.

Knows no Redis. Time is a number that only `pass_time` moves; every limit lies between two ticks, so that the moments
that a real call takes never matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

TICK_S = 10
LEASE_S = 35
MAX_ATTEMPTS = 3
SUSPECT_CRASHES, SUSPECT_LAPSES, MAX_LOSSES = 2, 3, 8
TOMBSTONE_S = 7 * 86400
LAPSED_KEPT_S = 3600
SILENT_S = LEASE_S / 2  # nobody swept for so long: nobody could renew
PRIORITIES = ("high", "normal", "low")
WEIGHTS = {"one": 1, "two": 2}
MOST_IN_VAIN = 3
COST = 1.0  # of any job: virtual time is counted in jobs
FINAL = frozenset({"succeeded", "failed", "canceled", "expired"})
HELD = frozenset({"running", "canceling"})


@dataclass
class Job:
    job_id: str
    client: str
    priority: str
    seq: int
    starts_by: float
    ttl_s: float
    status: str = "queued"
    returned: bool = False  # waits again after it had its turn
    attempt: int = 0
    token: str | None = None
    worker: str | None = None
    lease_ends: float = 0
    crashes: int = 0
    lapses: int = 0
    losses: int = 0
    scenes: int = 0
    ended_by: str | None = None
    answer: str | None = None  # what a client is told of a success
    gone_at: float | None = None  # when the record goes, once the job has ended

    @property
    def suspect(self) -> bool:
        return self.crashes >= SUSPECT_CRASHES or self.lapses >= SUSPECT_LAPSES


@dataclass
class Alone:
    """A suspect has a worker for itself, or waits for that until the next tick."""

    job_id: str
    waits: bool


@dataclass
class Shares:
    """How far each client is with its share of a priority, in virtual time."""

    virtual: float = 0
    due: dict[str, float] = field(default_factory=dict)  # when each client's next job starts

    def copy(self) -> Shares:
        return Shares(self.virtual, dict(self.due))

    def arrives(self, client: str) -> None:
        """It had nothing that waited."""
        self.due[client] = max(self.virtual, self.due.get(client, 0))

    def pays(self, client: str, waiting: set[str]) -> None:
        """It starts a job, while these wait, itself perhaps among them."""
        self.reaches(waiting)
        self.due[client] = max(self.due.get(client, 0), self.virtual if client not in waiting else 0) + (
            COST / WEIGHTS[client]
        )

    def reaches(self, waiting: set[str]) -> None:
        self.virtual = max(self.virtual, min((self.due[each] for each in waiting), default=0))


@dataclass
class Oracle:
    now: float = 0
    jobs: dict[str, Job] = field(default_factory=dict)  # those that have a record
    tombs: dict[str, float] = field(default_factory=dict)  # id -> when it is forgotten
    seq: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PRIORITIES, 0))
    shares: dict[str, Shares] = field(default_factory=lambda: {priority: Shares() for priority in PRIORITIES})
    owed: dict[str, set[str]] = field(default_factory=lambda: {priority: set() for priority in PRIORITIES})
    in_vain: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PRIORITIES, 0))
    alone: dict[str, Alone] = field(default_factory=dict)
    lapsed: dict[str, dict[str, float]] = field(default_factory=dict)  # worker -> id -> when that is forgotten
    dead: set[str] = field(default_factory=set)
    swept: float | None = None
    ended: dict[str, int] = field(default_factory=dict)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.alone = {worker: alone for worker, alone in self.alone.items() if not alone.waits}
        for job in [job for job in self.jobs.values() if job.gone_at is not None and job.gone_at <= self.now]:
            del self.jobs[job.job_id]
        self.tombs = {job_id: until for job_id, until in self.tombs.items() if until > self.now}
        for worker in [worker for worker, ids in self.lapsed.items() if max(ids.values()) <= self.now]:
            del self.lapsed[worker]

    def submit(self, job_id: str, client: str, priority: str, queue_timeout_s: float, ttl_s: float) -> int:
        """The position in the queue."""
        self.seq[priority] += 1
        if not self.line(priority, client):
            self.shares[priority].arrives(client)
        self.jobs[job_id] = Job(job_id, client, priority, self.seq[priority], self.now + queue_timeout_s, ttl_s)
        return self.position(job_id)

    def arrived(self, priority: str) -> list[Job]:
        """What waits, in the order in which it came."""
        waiting = [job for job in self.jobs.values() if job.status == "queued" and job.priority == priority]
        return sorted(waiting, key=lambda job: job.seq)

    def line(self, priority: str, client: str) -> list[Job]:
        return [job for job in self.arrived(priority) if job.client == client and not job.returned]

    def back(self, priority: str) -> list[Job]:
        return [job for job in self.arrived(priority) if job.returned]

    def clients(self, priority: str) -> set[str]:
        return {job.client for job in self.arrived(priority) if not job.returned}

    def in_turn(self, priority: str) -> str | None:
        """The client that is next."""
        due = self.shares[priority].due
        return min(self.clients(priority), key=lambda client: (due[client], client), default=None)

    def order(self, priority: str) -> list[str]:
        """The ids as they would start if nothing more came: played through, turn by turn."""
        lines = {client: self.line(priority, client) for client in self.clients(priority)}
        shares, order = self.shares[priority].copy(), [job.job_id for job in self.back(priority)]
        while waiting := {client for client in lines if lines[client]}:
            client = min(waiting, key=lambda each: (shares.due[each], each))
            shares.pays(client, waiting)
            order.append(lines[client].pop(0).job_id)
        return order

    def position(self, job_id: str) -> int:
        return [waiting for priority in PRIORITIES for waiting in self.order(priority)].index(job_id) + 1

    def held(self, worker: str) -> list[Job]:
        return [job for job in self.jobs.values() if job.status in HELD and job.worker == worker]

    def claim(self, rung: str, worker: str) -> tuple[str, str]:
        """Why nothing runs, or `ok`; and the job that runs."""
        why, job = self._unfit(rung), self.jobs.get(rung)
        if why == "wait":
            return why, rung
        if why:
            served = self._served_by([job.priority] if job else PRIORITIES)
            chosen = self._next_of(served) if served else None
            if not chosen:
                return why, rung
        else:
            assert job
            chosen = job
            if not job.returned and (self.owed[job.priority] or self.in_turn(job.priority) != job.client):
                chosen = self._next_of(job.priority) or job
        alone = self.alone.get(worker)
        if alone and alone.job_id != chosen.job_id:
            return "wait", rung
        if chosen.suspect:
            self.alone[worker] = Alone(chosen.job_id, waits=bool(self.held(worker)))
            if self.held(worker):
                return "wait", rung
        if not why and chosen.job_id != rung:
            self.owed[chosen.priority].add(rung)
        self._start(chosen, worker)
        self.in_vain[chosen.priority] = 0
        return "ok", chosen.job_id

    def _served_by(self, priorities: Sequence[str]) -> str | None:
        """The priority that a left-over doorbell may be for."""
        owing = [priority for priority in priorities if self.owed[priority]]
        waiting = [priority for priority in priorities if self.arrived(priority)]
        if owing or not waiting:
            return owing[0] if owing else None
        self.in_vain[waiting[0]] += 1
        return waiting[0] if self.in_vain[waiting[0]] > MOST_IN_VAIN else None

    def _unfit(self, job_id: str) -> str | None:
        job = self.jobs.get(job_id)
        if job is None:
            return "unknown"
        if job.status == "queued" and job.attempt == 0 and self.now > job.starts_by:
            if self.swept is not None and self.now - self.swept > max(3, SILENT_S):
                return "wait"
            self._end(job, "expired")
        return None if job.status == "queued" else job.status

    def _next_of(self, priority: str) -> Job | None:
        while True:
            returned, client = self.back(priority), self.in_turn(priority)
            if not (returned or client):
                return None
            job = returned[0] if returned else self.line(priority, client or "")[0]
            why = self._unfit(job.job_id)
            if why in (None, "wait"):
                return None if why else job

    def _start(self, job: Job, worker: str) -> None:
        shares, waiting = self.shares[job.priority], self.clients(job.priority)
        if job.returned:
            shares.reaches(waiting)
        else:
            shares.pays(job.client, waiting)
        job.status, job.attempt, job.worker, job.returned = "running", job.attempt + 1, worker, False
        self._no_longer_waits(job)
        job.token = f"{worker}/{job.attempt}"
        job.lease_ends = self.now + LEASE_S

    def _no_longer_waits(self, job: Job) -> None:
        self.owed[job.priority].discard(job.job_id)
        if not self.arrived(job.priority):
            self.owed[job.priority].clear()
            self.in_vain[job.priority] = 0

    def owns(self, job_id: str, token: str) -> bool:
        job = self.jobs.get(job_id)
        return job is not None and job.status in HELD and job.token == token

    def renew(self, job_id: str, token: str, scenes: int) -> str:
        if not self.owns(job_id, token):
            return "lost"
        job = self.jobs[job_id]
        job.lease_ends = self.now + LEASE_S
        job.scenes = max(job.scenes, scenes)
        return "canceling" if job.status == "canceling" else "ok"

    def finish(self, job_id: str, token: str, status: str, answer: str | None = None) -> str:
        job = self.jobs.get(job_id)
        if job is None:
            return "unknown"
        if job.ended_by == token:
            return job.status
        if not self.owns(job_id, token):
            return "stale"
        if job.status == "canceling":
            status, answer = "canceled", None
        job.ended_by, job.answer = token, answer
        self._end(job, status)
        return status

    def give_back(self, job_id: str, token: str) -> str:
        if not self.owns(job_id, token):
            return "stale"
        job = self.jobs[job_id]
        if job.status == "canceling":
            job.ended_by = token
            self._end(job, "canceled")
            return "canceled"
        self._requeue(job)
        return "queued"

    def cancel(self, job_id: str) -> tuple[str, ...]:
        job = self.jobs.get(job_id)
        if job is None:
            return ("unknown",)
        before = job.status
        if before == "queued":
            self._end(job, "canceled")
        elif before == "running":
            job.status = "canceling"
        return before, job.status

    def delete(self, job_id: str, client: str) -> str:
        job = self.jobs.get(job_id)
        if job is None:
            return "gone" if job_id in self.tombs else "unknown"
        if job.client != client:
            return "unknown"
        if job.status not in FINAL:
            return "not_finished"
        del self.jobs[job_id]
        self.dead.discard(job_id)
        self.tombs[job_id] = self.now + TOMBSTONE_S
        return "ok"

    def release(self, worker: str, blame: str) -> list[str]:
        """The ids that wait again."""
        held = self.held(worker)
        waiting = [job.job_id for job in held if self._lose(job, blame, alone=len(held) == 1)]
        self.alone.pop(worker, None)
        self.lapsed.pop(worker, None)
        return waiting

    def beat(self, worker: str) -> None:
        for job_id in self.lapsed.pop(worker, {}):
            job = self.jobs.get(job_id)
            if job and job.status not in FINAL and job.lapses:
                job.lapses -= 1

    def sweep(self) -> list[str]:
        """The ids that wait again because their lease has ended; others may be rung beside them."""
        away = self.now - (self.now if self.swept is None else self.swept) > SILENT_S
        self.swept = self.now
        running = [job for job in self.jobs.values() if job.status in HELD]
        if away:
            for job in running:
                job.lease_ends = max(job.lease_ends, self.now + LEASE_S)
        waiting = []
        for job in running:
            worker = job.worker
            if job.lease_ends <= self.now and self._lose(job, "lapses", alone=False):
                assert worker
                waiting.append(job.job_id)
                ids = self.lapsed.setdefault(worker, {})
                for job_id in (*ids, job.job_id):  # one lifetime for the whole set
                    ids[job_id] = self.now + LAPSED_KEPT_S
        for job in list(self.jobs.values()):
            if job.status == "queued" and job.attempt == 0 and job.starts_by <= self.now:
                self._end(job, "expired")
        return waiting

    def ring(self, job_ids: list[str]) -> None:
        """They have a doorbell again."""
        for owed in self.owed.values():
            owed.difference_update(job_ids)

    def _lose(self, job: Job, blame: str, *, alone: bool) -> bool:
        if job.status == "canceling":
            self._end(job, "canceled")
            return False
        if blame != "none":
            count = getattr(job, blame) + 1
            setattr(job, blame, count)
            job.losses += 1
            if job.losses >= MAX_LOSSES or (blame == "crashes" and alone and count >= MAX_ATTEMPTS):
                self._end(job, "failed")
                self.dead.add(job.job_id)
                return False
        self._requeue(job)
        return True

    def _requeue(self, job: Job) -> None:
        self._leave(job)
        job.status, job.token, job.worker, job.returned = "queued", None, None, True

    def _leave(self, job: Job) -> None:
        if job.worker and (alone := self.alone.get(job.worker)) and alone.job_id == job.job_id:
            del self.alone[job.worker]

    def _end(self, job: Job, status: str) -> None:
        assert job.status not in FINAL
        self._leave(job)
        job.status = status
        self._no_longer_waits(job)
        job.gone_at = self.now + job.ttl_s
        self.tombs[job.job_id] = self.now + job.ttl_s + TOMBSTONE_S
        self.ended[status] = self.ended.get(status, 0) + 1
