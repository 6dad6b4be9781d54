"""Accepted means that it survives a failover: what is answered for is waited for until enough replicas have it
(REDIS__REPLICAS, by WAIT), one wait for all that ask in a moment.

Nothing is noted of it in a record: a reader asks Redis itself, and knows from then on that all that is older is safe,
as long as no connection is made anew, which may lead to another server. Knows two scripts; not HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from scriptqueue.schemas import Durability, Job
from shared.errors import StoreUnavailable
from shared.settings import Settings
from shared.store.connection import Store

SHOWN_AFTER_S = 1.0  # what is done is shown then, replicated or not
_AT_ONCE = 1000  # jobs that one wait asks for, or those of one batch


@dataclass(frozen=True)
class Confirmed:
    """`stands`: whether each job is in the store that was asked; `reached`: on as many replicas as there shall be."""

    stands: Sequence[bool]
    reached: bool


class Replication:
    """Of one process; without REDIS__REPLICAS it does nothing and answers None."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._replicas = settings.redis.replicas
        self._within_s = min(SHOWN_AFTER_S, settings.redis.timeout_s / 2)
        self._waiting: list[tuple[Sequence[str], asyncio.Future[Confirmed]]] = []
        self._under_way: asyncio.Task[None] | None = None
        self._safe_until_ms = 0  # by Redis' clock, which is so much ahead of ours
        self._ahead_ms = 0.0
        self._openings = -1  # when that was so
        self._failed_at_s = -SHOWN_AFTER_S

    async def accepted(
        self, job_ids: Sequence[str], client: str, key: str = "", batch: str = "", *, is_new: bool
    ) -> Durability | None:
        """Before new jobs are answered for, or old ones again. Raises `StoreUnavailable` where they are not, and then
        none of them is in the store; `primary`: they could not be taken back."""
        if not self._replicas:
            return None
        with suppress(StoreUnavailable):  # it may take back nevertheless
            confirmed = await self._confirm(job_ids)
            if confirmed.reached and all(confirmed.stands):
                return "replicated"
        if not is_new:  # whoever made them has answered for them
            return "primary"
        try:
            withdrawn = await self._store.call("withdraw", client=client, key=key, batch=batch, ids=job_ids)
        except StoreUnavailable:
            return "primary"
        if withdrawn == "started":
            return "primary"
        if withdrawn == "absent":
            raise StoreUnavailable("Redis: another server took over: it is not accepted")
        raise StoreUnavailable(f"Redis: not on {self._replicas} replicas in time: it is not accepted")

    async def of_job(self, job: Job) -> Job:
        """The job with its `durability`; one that is done only when that is replicated, or has waited long enough."""
        if not self._replicas:
            return job
        if job.finished_at is None:
            is_safe = self._is_safe(job.created_at.timestamp() * 1000)
            return job.model_copy(update={"durability": "replicated" if is_safe else "primary"})
        return job.model_copy(update={"durability": await self.since(job.finished_at.timestamp() * 1000)})

    async def since(self, at_ms: float) -> Durability | None:
        """What was written then, by Redis' clock; waits up to a second for it."""
        if not self._replicas:
            return None
        if self._is_safe(at_ms):
            return "replicated"
        age_s = (time.time() * 1000 + self._ahead_ms - at_ms) / 1000
        if age_s > SHOWN_AFTER_S and time.monotonic() - self._failed_at_s < SHOWN_AFTER_S:
            return "primary"
        try:
            return "replicated" if (await self._confirm(())).reached else "primary"
        except StoreUnavailable:
            return "primary"

    def _is_safe(self, at_ms: float) -> bool:
        return self._openings == self._store.openings and at_ms < self._safe_until_ms

    async def _confirm(self, job_ids: Sequence[str]) -> Confirmed:
        future: asyncio.Future[Confirmed] = asyncio.get_running_loop().create_future()
        self._waiting.append((job_ids, future))
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._confirm_all())
        return await future

    async def _confirm_all(self) -> None:
        """Whoever comes while one wait is under way shares the next."""
        while self._waiting:
            group: list[tuple[Sequence[str], asyncio.Future[Confirmed]]] = []
            count = 0
            while self._waiting and (not group or count + len(self._waiting[0][0]) <= _AT_ONCE):
                group.append(self._waiting.pop(0))
                count += len(group[-1][0])
            try:
                found, reached = await self._wait([job_id for job_ids, _ in group for job_id in job_ids])
            except Exception as error:  # whatever it is, it is theirs who wait
                self._failed_at_s = time.monotonic()
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for job_ids, future in group:
                stands, found = found[: len(job_ids)], found[len(job_ids) :]
                if not future.done():
                    future.set_result(Confirmed(stands, reached))

    async def _wait(self, job_ids: Sequence[str]) -> tuple[list[bool], bool]:
        openings = self._store.openings
        answer, count = await self._store.call_and_wait(
            "confirm", self._replicas, int(self._within_s * 1000), ids=job_ids
        )
        now_ms, *stands = answer
        reached = count >= self._replicas
        self._ahead_ms = int(now_ms) - time.time() * 1000
        if reached and openings == self._store.openings:
            self._safe_until_ms, self._openings = int(now_ms), openings
        if not reached:
            self._failed_at_s = time.monotonic()
        return [bool(stand) for stand in stands], reached
