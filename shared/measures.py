"""What only the job store can count, for the metrics of the API: it knows all jobs, whichever process moved them.

The counters live as long as Redis keeps its data. Knows one script; not how figures are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.eta import PRIORITIES
from shared.record import record_of
from shared.schemas import Priority
from shared.submissions import Submissions
from shared.workers import WorkerState


@dataclass(frozen=True)
class Measures:
    """`counts`: see `sq:counts` in lua/prelude.lua. `oldest_s`: how long the first of each queue has waited;
    `queued_s`: what waits, in seconds of the workers that are ready (None: nobody knows)."""

    counts: Mapping[str, int]
    depth: Mapping[Priority, int]
    oldest_s: Mapping[Priority, float]
    queued_s: float | None
    running: int
    dead: int
    quarantined: int
    workers: tuple[WorkerState, ...]
    senders: int

    def counted(self, kind: str) -> dict[str, int]:
        """`counted("source")`: what was counted under each name of a kind."""
        return {name.removeprefix(f"{kind}:"): n for name, n in self.counts.items() if name.startswith(f"{kind}:")}


async def measure(store: Submissions) -> Measures:
    """Two round trips; raises `StoreUnavailable`."""
    counts, queues, running, dead, quarantined, workers, senders = await store.script("metrics")
    queued_s = (await store.queue()).queued_s
    by_priority = dict(zip(PRIORITIES, queues, strict=True))
    return Measures(
        counts={name: int(count) for name, count in record_of(counts).items()},
        depth={priority: depth for priority, (depth, _) in by_priority.items()},
        oldest_s={priority: age_ms / 1000 for priority, (_, age_ms) in by_priority.items()},
        queued_s=queued_s,
        running=running,
        dead=dead,
        quarantined=quarantined,
        workers=tuple(WorkerState.from_json(name, text) for name, text in record_of(workers).items()),
        senders=senders,
    )
