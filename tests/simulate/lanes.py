"""Whose turn it is in each lane (a priority, or one of a named model), and what left-over doorbells start there.

Only jobs count that wait for certain: no other's result may answer them, nobody has started, canceled or touched them,
and their time has not come. Knows no script.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from scriptqueue.schemas import JobRequest
from shared.eta import cost_of

IN_VAIN = 3  # doorbells of a lane that may come to nothing in a row, while something waits there
WEIGHTS = {"ada": 1, "bob": 2}
Lane = tuple[str, str | None]


def lane_of(request: JobRequest) -> Lane:
    return request.priority, request.model


@dataclass
class Lanes:
    """`waiting`: by lane and client, the jobs that wait for certain, and until when (ms that passed)."""

    waiting: defaultdict[Lane, dict[str, tuple[str, int]]] = field(default_factory=lambda: defaultdict(dict))
    vain: Counter[Lane] = field(default_factory=Counter)
    gained: defaultdict[Lane, dict[tuple[str, str], float]] = field(default_factory=lambda: defaultdict(dict))

    def made(self, job_id: str, client: str, request: JobRequest, now_ms: int) -> None:
        lane = lane_of(request)
        if not self._clients(lane, now_ms):
            self.vain[lane] = 0  # it may have been empty
        if client not in self._clients(lane, now_ms):  # whatever others got before was not at its cost
            self.gained[lane] = {
                pair: min(0, more) if pair[1] == client else more for pair, more in self.gained[lane].items()
            }
        if not request.use_cache:
            self.waiting[lane][job_id] = client, now_ms + int(request.queue_timeout_s * 1000)

    def touched(self, job_id: str) -> None:
        """Nobody outside can say any more whether it waits."""
        for jobs in self.waiting.values():
            jobs.pop(job_id, None)

    def started(self, client: str, request: JobRequest, now_ms: int, *, first: bool, surely: bool) -> str:
        """A job of this client had its turn; how another client that waits was passed over, or nothing. While one
        waits, no other is given more than its share and a job of each. `first`: it had no turn before; not `surely`: of
        somebody before it nobody knows whether he still waits, and his turn comes later."""
        lane = lane_of(request)
        self.vain[lane] = 0
        if not first:
            return ""  # it paid for its turn before
        waits, gained = self._clients(lane, now_ms), self.gained[lane]
        for other in WEIGHTS.keys() - {client}:
            step, others = cost_of(request) / WEIGHTS[client], cost_of(request) / WEIGHTS[other]
            gained[other, client] = max(0 if surely else -math.inf, gained.get((other, client), 0) - step)
            more = gained.get((client, other), 0) + step
            gained[client, other] = more = more if other in waits else min(0, more)
            if surely and more > (step + others) * 1.01:
                return f"{client} is {more / step:.1f} jobs before {other}, who waits in {lane}"
        return ""

    def came_to_nothing(self, request: JobRequest, now_ms: int) -> str:
        """A doorbell of a job of this lane was answered, and nothing started; how that is too many, or nothing."""
        lane = lane_of(request)
        self.vain[lane] = self.vain[lane] + 1 if self._clients(lane, now_ms) else 0
        return f"{self.vain[lane]} doorbells in {lane}: {self.waiting[lane]}" if self.vain[lane] > IN_VAIN else ""

    def _clients(self, lane: Lane, now_ms: int) -> set[str]:
        """Those that wait for certain."""
        return {client for client, until_ms in self.waiting[lane].values() if now_ms < until_ms}
