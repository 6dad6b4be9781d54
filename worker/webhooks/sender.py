"""Sends what the outbox holds, many at once, until it is told to stop. Any number of these may run.

Knows the outbox, the schedule and a courier; not HTTP. What it has taken and not settled is due again when its lease
ends, so it may die at any moment.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import suppress
from dataclasses import replace

from shared.errors import StoreUnavailable
from shared.store.outbox import LEASE_S, Letter, Outbox
from shared.store.replication import Replication
from worker.webhooks.courier import Courier, DeliveryOutcome
from worker.webhooks.schedule import next_try_s

log = logging.getLogger(__name__)

SLOTS = 64  # tries at once
_LOOK_EVERY_S = 0.2
REST_S = 1.0  # while Redis is away
FINISH_S = 3.0  # at the end, for tries that are under way
GONE = 410


class Sender:
    def __init__(self, outbox: Outbox, courier: Courier, replication: Replication | None = None) -> None:
        self._outbox = outbox
        self._replication = replication
        self._courier = courier
        self._tries: dict[asyncio.Task[None], Letter] = {}
        self._look = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Safe to repeat."""
        self._stopping = True
        self._look.set()

    async def run(self) -> None:
        """Until `stop`; survives Redis being away."""
        away = False
        while not self._stopping:
            try:
                for letter in await self._outbox.take(SLOTS - len(self._tries)):
                    self._begin(letter)
                away = False
            except StoreUnavailable as error:
                if not away:
                    log.warning("the outbox cannot be read: %s; trying again", error)
                away = True
            await self._pause(REST_S if away else _LOOK_EVERY_S)
        await self._finish()

    def _begin(self, letter: Letter) -> None:
        task = asyncio.create_task(self._try(letter))
        self._tries[task] = letter
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tries[task]
        self._look.set()  # there is room again
        if not task.cancelled() and (error := task.exception()):
            log.error("a webhook was not settled; it is due again when its lease ends", exc_info=error)

    async def _try(self, letter: Letter) -> None:
        taken = time.monotonic()
        if letter.final and self._replication:  # an end is told when replicas have it
            letter = replace(letter, durability=await self._replication.since(letter.at_ms))
        outcome = await self._courier.deliver(letter)
        again_in_s = None
        if not outcome.attempt.delivered and outcome.attempt.status != GONE:
            again_in_s = next_try_s(letter.final, letter.tries + 1, outcome.retry_after_s, random.random)
        _log_outcome(letter, outcome, again_in_s)
        while time.monotonic() - taken < LEASE_S:
            with suppress(StoreUnavailable):
                unwanted = outcome.attempt.status == GONE
                address = outcome.address
                await self._outbox.settle(letter, outcome.attempt, again_in_s, unwanted=unwanted, address=address)
                return
            await asyncio.sleep(REST_S)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._look.wait()
        self._look.clear()

    async def _finish(self) -> None:
        """Tries under way may end; the rest is put back, so that another sender need not wait for their leases."""
        if self._tries:
            await asyncio.wait(self._tries, timeout=FINISH_S)
        left = dict(self._tries)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with suppress(StoreUnavailable):
            for letter in left.values():
                await self._outbox.put_back(letter)
            await self._outbox.leave()


def _log_outcome(letter: Letter, outcome: DeliveryOutcome, again_in_s: float | None) -> None:
    what, job = outcome.attempt.status or outcome.attempt.error, {"job": letter.job_id}
    if outcome.attempt.delivered:
        log.info("%s %d delivered to %s (%s)", letter.event, letter.number, letter.host, what, extra=job)
    else:
        after = "given up" if again_in_s is None else f"next try in {again_in_s:.0f} s"
        words = "%s %d not delivered to %s (%s): %s"
        log.warning(words, letter.event, letter.number, letter.host, what, after, extra=job)
