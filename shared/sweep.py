"""What API and workers both do once a second: run the sweep script and ring what it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from shared.broker import broker_lists
from shared.record import TIMED_OUT, WORKER_LOST
from shared.schemas import Priority
from shared.settings import Settings

EVERY_S = 1.0
GRACE_S = 2.0  # a doorbell this young is on its way
SLACK = 64  # workers take doorbells a little out of order


@dataclass(frozen=True)
class Ring:
    """A doorbell to ring."""

    job_id: str
    priority: Priority


def sweep_arguments(settings: Settings) -> list[Any]:
    """ARGV of lua/sweep.lua."""
    return [
        int(settings.worker.lease_s * 1000),
        settings.worker.max_attempts,
        WORKER_LOST,
        int(EVERY_S * 900),
        int(GRACE_S * 1000),
        SLACK,
        *broker_lists(),
        TIMED_OUT,
    ]


def rings_of(answer: list[str]) -> list[Ring]:
    """The script's flat answer, typed."""
    pairs = iter(answer)
    return [Ring(job_id, cast(Priority, priority)) for job_id, priority in zip(pairs, pairs, strict=True)]
