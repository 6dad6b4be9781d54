"""What API and workers both do once a second: run the sweep script and ring what it names."""

from __future__ import annotations

from typing import Any, cast

from scriptqueue.schemas import Priority
from shared.rings import Ring, broker_lists
from shared.settings import Settings
from shared.store.record import TIMED_OUT, WORKER_LOST

SWEEP_EVERY_S = 1.0
_GRACE_S = 2.0  # a doorbell this young is on its way


def sweep_arguments(settings: Settings) -> dict[str, Any]:
    """What lua/sweep.lua takes."""
    return {
        "lease_ms": int(settings.worker.lease_s * 1000),
        "max_attempts": settings.worker.max_attempts,
        "worker_lost": WORKER_LOST,
        "every_ms": int(SWEEP_EVERY_S * 900),
        "grace_ms": int(_GRACE_S * 1000),
        "timed_out": TIMED_OUT,
        "broker_lists": broker_lists(),
    }


def rings_of(answer: list[str]) -> list[Ring]:
    """The script's flat answer, typed."""
    pairs = iter(answer)
    return [Ring(job_id, cast(Priority, priority)) for job_id, priority in zip(pairs, pairs, strict=True)]
