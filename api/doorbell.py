"""Rings for a job from async code. A doorbell that is lost costs seconds, never the job: the sweep rings it again."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import anyio
from anyio import CapacityLimiter, to_thread

from shared import queue
from shared.errors import StoreUnavailable
from shared.schemas import Priority
from shared.settings import Settings
from shared.sweep import Ring

log = logging.getLogger(__name__)

RING_S = 0.9  # with a store call of 2 s still under the 3 s that an answer may take
MAX_THREADS = 8


class Doorbell:
    """Publishes in threads of its own, since Celery blocks."""

    def __init__(self, settings: Settings) -> None:
        self._app = queue.make_app(settings, patient=False)
        self._threads = CapacityLimiter(MAX_THREADS)

    async def ring(self, job_id: str, priority: Priority) -> bool:
        """Whether it rang. Never raises: the record is the truth, and a job without its doorbell is rung again."""
        with anyio.move_on_after(RING_S) as limit:
            try:
                await to_thread.run_sync(
                    queue.ring, self._app, job_id, priority, abandon_on_cancel=True, limiter=self._threads
                )
            except StoreUnavailable as error:
                log.warning("not rung (the sweep will): %s", error, extra={"job": job_id})
                return False
        if limit.cancelled_caught:
            log.warning("not rung within %s s (the sweep will)", RING_S, extra={"job": job_id})
        return not limit.cancelled_caught

    async def ring_all(self, doorbells: Sequence[Ring]) -> None:
        """Until one does not ring: the broker is away, and the sweep rings for the rest."""
        for doorbell in doorbells:
            if not await self.ring(doorbell.job_id, doorbell.priority):
                return

    def close(self) -> None:
        self._app.close()
