"""When a job will start and have its result: arithmetic over the queue's figures. Knows no Redis and no clock.

The unit of work is a token that a job is expected to write; how long one takes is measured, job by job, with the batch
as full as it is (lua/finish.lua). Everything here is an estimate; what cannot be told is None.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scriptqueue.schemas import PRIORITIES, JobRequest, Priority
from shared.board.budget import TOKENS_A_SCENE, tokens_a_scene
from shared.board.timing import comfortable_s
from shared.workers import WorkerState

MIN_MEASURED_FRACTION = 0.05  # of a job, before its progress says anything about the rest
NEARLY_DONE = 0.1  # what is thought to be left of a job that took longer than expected


def cost_of(request: JobRequest) -> int:
    """The tokens that a job is expected to write, each of its candidates within its budget."""
    scenes = sum(request.scenes_written) / 2
    if request.target_duration_s is not None and not request.base:
        wanted = request.target_duration_s / comfortable_s(request)
        scenes = min(max(wanted, request.min_scenes), request.max_scenes)
    each = min(round(scenes * tokens_a_scene(request) + TOKENS_A_SCENE), request.sampling.max_new_tokens)
    return each * request.candidates


@dataclass(frozen=True)
class Place:
    """Where a queued job stands: 1 is next; the work before it in the queue; how many jobs run meanwhile."""

    position: int
    work: float
    running: int


@dataclass(frozen=True)
class Line:
    """What one client has waiting in a priority: `start` is the virtual time of its next start (lua/turns.lua); of
    a client that comes now, without jobs yet."""

    client: str
    start: int
    weight: int = 1
    jobs: int = 0
    cost: float = 0

    @property
    def mean(self) -> float:
        return self.cost / max(1, self.jobs)

    @property
    def step(self) -> int:
        """What one of its jobs moves its line on."""
        return max(1, math.floor(self.mean * 1000 / self.weight + 0.5))

    @property
    def end(self) -> int:
        """The virtual time at which one more job of it would start."""
        return self.start + self.jobs * self.step

    def ahead_of(self, other: Line) -> tuple[int, float]:
        """How many of its jobs start before one more of the other line's, and their cost, as if all were alike."""
        turns = math.ceil((other.end - self.start + (self.client < other.client)) / self.step)
        jobs = max(0, min(self.jobs, turns))
        return jobs, jobs * self.mean


@dataclass(frozen=True)
class RunningJob:
    """A job that runs: what it was expected to cost, for how long it has run, how far it says that it is, and on how
    many rows at most."""

    cost: float
    ran_s: float
    fraction: float
    rows: int = 1
    worker: str = ""


@dataclass(frozen=True)
class Rated:
    """A worker, and the seconds that one of its rows takes for a token; None: none was measured yet."""

    worker: WorkerState
    token_s: float | None


@dataclass(frozen=True)
class QueueLoad:
    """How full the queue is, who works on it, how many processes send webhooks, what ended in each minute (since 1970)
    of the last hour, as lua/prelude.lua counts it, when its store began, and when another server took it over
    or the same started anew (s since 1970), None: nobody knows."""

    depth: Mapping[Priority, int]
    work: Mapping[Priority, float]
    running: Sequence[RunningJob]
    rated: Sequence[Rated]
    senders: int = 0
    minutes: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    lines: Mapping[Priority, Sequence[Line]] = field(default_factory=dict)
    began_s: float | None = None
    changed_s: float | None = None
    named: Mapping[str, int] = field(default_factory=dict)  # models, and how many jobs wait for their workers alone

    def of_model(self, model: str) -> QueueLoad:
        """What counts for a job that names this model: its workers, and what runs there."""
        rated = [one for one in self.rated if one.worker.named_by_jobs == model]
        workers = {one.worker.worker for one in rated}
        return replace(self, rated=rated, running=[job for job in self.running if job.worker in workers])

    @property
    def unserved(self) -> dict[str, int]:
        """Models that no worker serves now, and how many jobs wait for one."""
        return {model: count for model, count in self.named.items() if not self.of_model(model).rows}

    @property
    def failures(self) -> dict[str, int]:
        """How many jobs failed in the last hour, by the code of their error."""
        failures: Counter[str] = Counter()
        for counts in self.minutes.values():
            failures.update(
                {what.removeprefix("failed:"): n for what, n in counts.items() if what.startswith("failed:")}
            )
        return dict(failures)

    @property
    def workers(self) -> list[WorkerState]:
        return [rated.worker for rated in self.rated]

    @property
    def rows(self) -> int:
        """How many jobs can run at once."""
        return sum(worker.slots for worker in self.workers if worker.serves_jobs)

    @property
    def token_s(self) -> float | None:
        """Seconds that one row takes for a token, over the workers that are ready. Before the first job of a kind of
        worker has ended, the progress of those that run says it."""
        known = [(rated.worker.slots, rated.token_s) for rated in self.rated if rated.worker.serves_jobs]
        measured = [(slots, token_s) for slots, token_s in known if token_s]
        if measured:
            return sum(slots for slots, _ in measured) / sum(slots / token_s for slots, token_s in measured)
        measurable = [job for job in self.running if job.fraction > MIN_MEASURED_FRACTION]
        written = sum(job.cost * job.fraction for job in measurable)
        return sum(job.ran_s * self._rows_of(job) for job in measurable) / written if known and written else None

    def _rows_of(self, job: RunningJob) -> int:
        return max(1, min(job.rows, self.rows))

    @property
    def _rows_taken(self) -> int:
        return sum(map(self._rows_of, self.running))

    def last(self, priority: Priority, client: str = "", weight: int = 1) -> Place:
        """The place of a job that comes now: behind its client's own, and those of others that come before these."""
        before = PRIORITIES[: PRIORITIES.index(priority)]
        jobs, work = sum(self.depth[p] for p in before), sum(self.work[p] for p in before)
        own = self._line(priority, client, weight)
        others = [line for line in self.lines.get(priority, ()) if line.client != client and line.jobs]
        if not (client and others):
            return Place(jobs + self.depth[priority] + 1, work + self.work[priority], len(self.running))
        ahead = [line.ahead_of(own) for line in others]
        returned = max(0, self.depth[priority] - sum(line.jobs for line in self.lines[priority]))
        mean = self.work[priority] / max(1, self.depth[priority])
        return Place(
            jobs + returned + own.jobs + sum(count for count, _ in ahead) + 1,
            work + returned * mean + own.cost + sum(cost for _, cost in ahead),
            len(self.running),
        )

    def joined_by(self, priority: Priority, cost: float, client: str = "", weight: int = 1) -> QueueLoad:
        """With one more job of this client in the queue."""
        own = self._line(priority, client, weight)
        longer = replace(own, jobs=own.jobs + 1, cost=own.cost + cost)
        others = [line for line in self.lines.get(priority, ()) if line.client != client]
        return replace(
            self,
            depth={**self.depth, priority: self.depth[priority] + 1},
            work={**self.work, priority: self.work[priority] + cost},
            lines={**self.lines, priority: [*others, longer]},
        )

    def _line(self, priority: Priority, client: str, weight: int) -> Line:
        lines = {line.client: line for line in self.lines.get(priority, ())}
        return lines.get(client) or replace(lines.get("", Line("", 0)), client=client, weight=weight)

    @property
    def queued_s(self) -> float | None:
        """Seconds in which the workers that are ready could do what waits; None without one, or with nothing to measure
        by."""
        if not sum(self.depth.values()):
            return 0.0
        token_s = self.token_s
        return token_s * sum(self.work.values()) / self.rows if token_s is not None and self.rows else None

    def drained_s(self, jobs: int) -> float | None:
        """Seconds in which so many jobs leave the queue."""
        count = sum(self.depth.values()) + len(self.running)
        if self.token_s is None or not (self.rows and count):
            return None
        cost = sum(self.work.values()) + sum(job.cost for job in self.running)
        return jobs * self.token_s * cost / count / self.rows

    def start_s(self, place: Place) -> float | None:
        """Seconds until the job at this place starts; None without a ready worker or anything to measure by.

        All rows are busy until then, so together they finish what runs and what is ahead, but for the halves of the
        jobs that then still run in the other rows.
        """
        token_s, rows, ahead = self.token_s, self.rows, place.position - 1
        if token_s is None or not rows:
            return None
        started = place.running - len(self.running)  # since the figures were taken
        if ahead + self._rows_taken + started < rows:
            return 0.0
        typical_s = token_s * (place.work + sum(job.cost for job in self.running)) / max(1, ahead + len(self.running))
        left_s = [_left_s(job, token_s, self._rows_of(job)) for job in self.running]
        ends_s = [row_s / self._rows_of(job) for job, row_s in zip(self.running, left_s, strict=True)]
        left_s += [typical_s] * started
        ends_s += [typical_s] * started
        start_s = (sum(left_s) + place.work * token_s - typical_s / 2 * (rows - 1)) / rows
        return max(start_s, min(ends_s, default=0.0) if self._rows_taken + started >= rows else 0.0)

    def eta_s(self, place: Place, cost: float, rows: int = 1) -> float | None:
        """Seconds until the job at this place, whose cost is that of so many rows, has its result."""
        start_s, token_s = self.start_s(place), self.token_s
        side_by_side = max(1, min(rows, self.rows))
        return None if start_s is None or token_s is None else round(start_s + cost * token_s / side_by_side, 1)


def _left_s(job: RunningJob, token_s: float, rows: int) -> float:
    """Of all its rows together."""
    takes_s = job.cost * token_s
    return max(takes_s - job.ran_s * rows, takes_s * NEARLY_DONE)
