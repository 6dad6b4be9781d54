"""Rings for jobs from async code. A doorbell that is lost costs seconds, never the job: the sweep rings it again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from shared.broker.messages import Doorbells
from shared.errors import StoreUnavailable
from shared.rings import Ring
from shared.settings import Settings
from shared.store.coalesce import Coalescer
from shared.store.connection import Store

log = logging.getLogger(__name__)

RING_S = 0.9  # with a store call of 2 s still under the 3 s that an answer may take
_AT_ONCE = 100  # in one round trip; more would keep Redis from others


class Doorbell:
    """Rings over the store's own connections: Celery's block, and cost more than the rest of a POST."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._doorbells = Doorbells(settings)
        self._store = store
        self._rings = Coalescer(self._ring_all, _AT_ONCE)

    async def ring(self, *rings: Ring) -> None:
        """Never raises: the record is the truth, and what is not rung now the sweep rings."""
        try:
            async with asyncio.timeout(RING_S):
                await asyncio.gather(*map(self._rings, rings))
        except (StoreUnavailable, TimeoutError) as error:
            reason = str(error) or f"not within {RING_S} s"
            log.warning("not rung (the sweep will): %s", reason, extra={"job": rings[0].job_id})

    async def _ring_all(self, rings: Sequence[Ring]) -> Sequence[None]:
        await self._store.call("ring", **self._doorbells.arguments(rings))
        return [None] * len(rings)
