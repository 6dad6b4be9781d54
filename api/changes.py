"""Waiting for a job to change: one subscription a process wakes everyone who waits.

Knows ids, not what changed: who is woken reads the record. A wake-up may be in vain; none is missed, because whenever
the subscription comes or goes everyone is woken.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis.asyncio.client
from redis.exceptions import RedisError

from shared.errors import StoreUnavailable
from shared.keys import CHANGED_CHANNEL
from shared.store.connection import Store
from shared.store.submissions import Read, Submissions

log = logging.getLogger(__name__)

PING_S = 1.0  # so long may the subscription be silent before it is asked for a sign of life
SILENT_S = 2.5  # so long before it counts as broken: waiters then learn that Redis is away
RECONNECT_S = 0.5


class Waiter:
    """One waiter's ear for one job."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def changed(self, within_s: float) -> bool:
        """Whether the job may have changed since this was last asked, waiting up to `within_s` for it."""
        try:
            async with asyncio.timeout(within_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Changes:
    """Run `listen` as a task; then `watch` hears every change."""

    def __init__(self, store: Store, submissions: Submissions) -> None:
        self._store = store
        self._submissions = submissions
        self._watches: dict[str, set[Waiter]] = {}
        self.ending = False  # the process is: nobody waits any more

    def stop_waiting(self) -> None:
        """Whoever waits is answered with what there is: the process is to end."""
        self.ending = True
        self._wake_all()

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Waiter]:
        """Watch first, read then: a change in between is heard."""
        watch = Waiter()
        self._watches.setdefault(job_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[job_id].discard(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]

    async def read(self, job_id: str, client: str, wait_s: float, enough: Callable[[Read], bool]) -> Read:
        """The job once it is `enough` or done, or as it is after `wait_s` or when the process is to end; raises as
        `Submissions.read`."""
        if not wait_s:
            return await self._submissions.read(job_id, client)
        until_s = asyncio.get_running_loop().time() + wait_s
        with self.watch(job_id) as watch:
            while True:
                read = await self._submissions.read(job_id, client)
                left_s = until_s - asyncio.get_running_loop().time()
                if read.job.done or enough(read) or left_s <= 0 or self.ending:
                    return read
                await watch.changed(left_s)

    async def listen(self) -> None:
        """For ever; survives Redis being away."""
        while True:
            try:
                async with self._store.subscribe(CHANGED_CHANNEL) as subscription:
                    await self._hear(subscription)
            except (StoreUnavailable, RedisError, OSError) as error:
                log.warning("no word of changes: %s; trying again", error)
            self._wake_all()
            await asyncio.sleep(RECONNECT_S)

    async def _hear(self, subscription: redis.asyncio.client.PubSub) -> None:
        clock = asyncio.get_running_loop().time
        heard_s, sure, demotions = clock(), False, self._store.demotions
        await subscription.ping()
        while clock() - heard_s < SILENT_S:
            message = await subscription.get_message(timeout=PING_S)
            if self._store.demotions != demotions:
                raise StoreUnavailable("the server that told of changes is no primary any more")
            if message is None:
                await subscription.ping()
                continue
            heard_s = clock()
            if message["type"] == "message":
                for watch in self._watches.get(message["data"], ()):
                    watch.wake()
            elif not sure:  # the first answer to a ping: from here on nothing is missed
                self._wake_all()
                sure = True
        raise StoreUnavailable(f"the subscription was silent for {SILENT_S} s")

    def _wake_all(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()
