"""Whether new jobs may be trusted to Redis: looked at before the first, and every few seconds from then on.

A Redis that turns out to drop jobs gets no new one; one that refuses us for good ends a process that it never served.
Knows how an API answers meanwhile; not what makes a Redis fit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from anyio import to_thread

from shared.errors import RedisUnfit, StoreUnavailable
from shared.settings import Settings
from shared.store.redis_server import FITNESS_EVERY_S, Fitness

log = logging.getLogger(__name__)

REFUSED_FOR_S = 10.0  # since the start: a password may be about to change


class Trust:
    """`unusable` is called, at the start alone, when this process cannot serve on its Redis, and ends it."""

    def __init__(self, settings: Settings, unusable: Callable[[RedisUnfit], None]) -> None:
        self._fitness = Fitness(settings)
        self._unusable = unusable
        self._fault = ""
        self._answered = False

    def require(self) -> None:
        """Raises `StoreUnavailable` where a job might be lost."""
        if self._fault:
            raise StoreUnavailable(f"Redis is not fit for jobs: {self._fault}")

    async def begin(self) -> None:
        """A Redis that is away is waited for, request by request."""
        try:
            await self._look()
        except (RedisUnfit, StoreUnavailable) as error:
            log.warning("%s; until it answers, so does every request: 503", error)
        else:
            if self._fault:
                self._unusable(RedisUnfit(self._fault))

    async def watch(self) -> None:
        """For ever."""
        clock = asyncio.get_running_loop().time
        begun_s = clock()
        while True:
            await asyncio.sleep(FITNESS_EVERY_S)
            try:
                await self._look()
            except RedisUnfit as error:
                if not self._answered and clock() - begun_s >= REFUSED_FOR_S:
                    self._unusable(error)
            except StoreUnavailable:
                pass  # every request says so

    async def _look(self) -> None:
        try:
            self._fault = await to_thread.run_sync(self._fitness.look_at_start, abandon_on_cancel=True)
            self._answered = True
        except RedisUnfit as error:
            self._fault = str(error)
            raise

    def close(self) -> None:
        self._fitness.close()
