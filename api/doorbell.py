"""Rings for a job from async code. A doorbell that is lost costs seconds, never the job: the sweep rings it again."""

from __future__ import annotations

import logging

import anyio
from anyio import CapacityLimiter, to_thread
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared import queue
from shared.schemas import Priority
from shared.settings import Settings

log = logging.getLogger(__name__)

RING_S = 0.9  # with a store call of 2 s still under the 3 s that an answer may take
MAX_THREADS = 8


class Doorbell:
    """Publishes in threads of its own, since Celery blocks."""

    def __init__(self, settings: Settings) -> None:
        self._app = queue.make_app(settings, patient=False)
        self._threads = CapacityLimiter(MAX_THREADS)

    async def ring(self, job_id: str, priority: Priority) -> None:
        """Never raises: the record is the truth, and a job without its doorbell is rung again."""
        with anyio.move_on_after(RING_S) as limit:
            try:
                await to_thread.run_sync(
                    queue.ring, self._app, job_id, priority, abandon_on_cancel=True, limiter=self._threads
                )
            except (OperationalError, RedisError, OSError) as error:
                log.warning("job %s was not rung (the sweep will): %s", job_id, type(error).__name__)
        if limit.cancelled_caught:
            log.warning("job %s was not rung within %s s (the sweep will)", job_id, RING_S)

    def close(self) -> None:
        self._app.close()
