"""What only the job store can count, for the metrics of the API: it knows all jobs, whichever process moved them.

The counters live as long as Redis keeps its data. Knows one script; not how figures are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scriptqueue.schemas import PRIORITIES, Priority
from shared.store.connection import Store
from shared.store.record import queue_load_of, record_of
from shared.store.scripts import named
from shared.workers import WorkerState


@dataclass(frozen=True)
class QueueStats:
    """`counts`: as lua/prelude.lua tells of them. `oldest_s`: how long the first of each queue has waited;
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


async def queue_stats(store: Store) -> QueueStats:
    """Two round trips; raises `StoreUnavailable`."""
    counted = named("metrics", await store.call("metrics"))
    figures = queue_load_of(named("queue", await store.call("queue")))
    by_priority = dict(zip(PRIORITIES, counted["queues"], strict=True))
    return QueueStats(
        counts={name: int(count) for name, count in record_of(counted["counts"]).items()},
        depth={priority: depth for priority, (depth, _) in by_priority.items()},
        oldest_s={priority: age_ms / 1000 for priority, (_, age_ms) in by_priority.items()},
        queued_s=figures.queued_s,
        running=counted["running"],
        dead=counted["dead"],
        quarantined=counted["quarantined"],
        workers=tuple(WorkerState.from_json(name, text) for name, text in record_of(counted["workers"]).items()),
        senders=counted["senders"],
    )
