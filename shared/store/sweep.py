"""What API and workers both do once a second: run the sweep script and ring what it names."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from shared.rings import Ring, broker_lists
from shared.settings import Settings
from shared.store.record import TIMED_OUT, WORKER_LOST

SWEEP_EVERY_S = 1.0
_GRACE_S = 2.0  # a doorbell this young is on its way


class Sweeps:
    """What lua/sweep.lua takes, each time. One for each process, which knows when its last sweep was by Redis' clock
    without its jumps, and how long ago whatever that does meanwhile: `clock_s` never jumps."""

    def __init__(self, settings: Settings, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._fixed: dict[str, Any] = {
            "lease_ms": int(settings.worker.lease_s * 1000),
            "max_attempts": settings.worker.max_attempts,
            "worker_lost": WORKER_LOST,
            "every_ms": int(SWEEP_EVERY_S * 900),
            "grace_ms": int(_GRACE_S * 1000),
            "timed_out": TIMED_OUT,
            "broker_lists": broker_lists(settings.redis.prefix),
        }
        self._clock_s = clock_s
        self._begun_s = self._answered_s = math.nan
        self._last_ms: int | None = None

    def arguments(self) -> dict[str, Any]:
        """For a call now."""
        self._begun_s = self._clock_s()
        since_s = self._begun_s - self._answered_s
        since_ms = None if math.isnan(since_s) else int(since_s * 1000)
        return {**self._fixed, "last_ms": self._last_ms, "since_ms": since_ms}

    def rings(self, answer: list[Any]) -> list[Ring]:
        """The script's flat answer, typed."""
        self._answered_s = self._begun_s
        self._last_ms, *flat = answer
        return rings_of(flat)


def rings_of(answer: list[str]) -> list[Ring]:
    """The script's flat answer, typed."""
    pairs = iter(answer)
    return [Ring.in_lane(job_id, lane) for job_id, lane in zip(pairs, pairs, strict=True)]
