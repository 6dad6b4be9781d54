"""The job store as the API uses it: submit, read, cancel, look at the queue. Async; one round trip each
(a queued job's ETA rests on figures that are fetched at most four times a second).

Knows records and scripts; not HTTP, and not how a doorbell is rung.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from shared.admission import limits_of, refusal, starts_in_s
from shared.entry import NO_KEY, Entry, Once, again, entry_of
from shared.errors import BatchNotFound, JobGone, JobNotFinished, JobNotFound, StoreUnavailable
from shared.eta import Figures, Place
from shared.record import figures_of, job_of, known_to, record_of, request_of
from shared.schemas import Job, JobRequest, QueuePlace, Status
from shared.scripts import Name, register
from shared.settings import Settings
from shared.sweep import Ring, rings_of, sweep_arguments
from shared.together import Together

FIGURES_FRESH_S = 0.25
SCANNED = 2000  # ids that one page may look at, about 3 ms of Redis
READ_AT_ONCE = 128  # jobs of one round trip: a thousand clients that are woken at once need eight of them
MAX_CONNECTIONS = 32  # of one process; a call holds one for about a millisecond, the subscription for ever


@dataclass(frozen=True)
class Read:
    """A job, the version of its record (grows with every change of it), and whose it is."""

    job: Job
    version: int
    client: str


@dataclass(frozen=True)
class Page:
    """Some jobs, newest first; `cursor`: where to go on, None at the end."""

    jobs: list[Job]
    cursor: int | None


@dataclass(frozen=True)
class Batch:
    """Jobs that came in together, in their order; `statuses` has a status or `gone` for each; `ring`: those that
    wait for their doorbells."""

    batch_id: str
    created_ms: int
    job_ids: list[str]
    statuses: list[str]
    replayed: bool = False
    ring: tuple[Ring, ...] = ()


@dataclass(frozen=True)
class Submitted:
    """`replayed`: the job that the same idempotency key made before, as it is now. `rings`: it waits for its doorbell,
    as none does that shares another's result."""

    job: Job
    replayed: bool = False
    rings: bool = False


class Submissions:
    """Every method raises `StoreUnavailable` when Redis does not answer in time or refuses to write."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            settings.redis.url.get_secret_value(),
            max_connections=MAX_CONNECTIONS,
            timeout=settings.redis.timeout_s,  # the other kind of pool fails the call that comes when all are in use
            decode_responses=True,
            protocol=2,  # redis-py 8 mistakes the answer to a ping under RESP3 for a message of four letters
            socket_timeout=settings.redis.timeout_s,
            socket_connect_timeout=settings.redis.timeout_s,
            retry=Retry(NoBackoff(), 1),  # a connection that Redis closed meanwhile is worth one more try
        )
        self._redis = redis.asyncio.Redis.from_pool(pool)
        self._scripts = register(self._redis)
        self._timeout_s = settings.redis.timeout_s
        self._reads = Together(self._read_all, READ_AT_ONCE)
        self._figures: Figures | None = None
        self._figures_at = -math.inf

    async def close(self) -> None:
        await self._redis.aclose()

    async def ping(self) -> None:
        async with _told(self._timeout_s):
            await self._scripts["queue"]()

    async def submit(
        self, request: JobRequest, client: str, once: Once = NO_KEY, retry_of: str | None = None
    ) -> Submitted:
        """Queue a job, or let one like it answer it; raises what shared/admission.py refuses, and `JobGone` when the
        key's first job is gone."""
        entry = entry_of(request, retry_of)
        answer, *values = await self._enter([entry], client, once)
        if answer == "replayed":
            return Submitted((await self.read(values[0], client)).job, replayed=True)
        created_ms, _, ring, place, flat = values
        record = record_of(flat) or entry.record(created_ms)
        return Submitted(job_of(entry.job_id, record, await self._place(place, entry.cost)), rings=bool(ring))

    async def retry(self, job_id: str, client: str, once: Once = NO_KEY) -> Submitted:
        """Queue a job like this one; raises as `read` and `submit` do, and `NotRetryable`."""
        record, _ = await self._record(job_id, client)
        return await self.submit(again(record), client, once, retry_of=job_id)

    async def script(self, name: Name, *arguments: str) -> Any:
        """One script's answer, for the smaller stores beside this one (shared/dead.py)."""
        async with _told(self._timeout_s):
            return await self._scripts[name](args=arguments)

    async def submit_batch(self, requests: Sequence[JobRequest], client: str, once: Once = NO_KEY) -> Batch:
        """Queue all of them or none; raises as `submit`."""
        entries, batch_id = [entry_of(request) for request in requests], str(uuid.uuid4())
        answer, *values = await self._enter(entries, client, once, batch_id)
        if answer == "replayed":
            return replace(await self.batch(values[0], client), replayed=True)
        created_ms, statuses, ring, *_ = values
        priorities = {entry.job_id: entry.request.priority for entry in entries}
        rings = tuple(Ring(job_id, priorities[job_id]) for job_id in ring)
        return Batch(batch_id, created_ms, list(priorities), statuses, ring=rings)

    async def batch(self, batch_id: str, client: str, *, cancel: bool = False) -> Batch:
        """The batch as it is, after canceling what is not done if told to; raises `BatchNotFound`."""
        async with _told(self._timeout_s):
            answer, *rest = await self._scripts["batch"](args=[batch_id, client, "1" if cancel else ""])
        if answer == "unknown":
            raise BatchNotFound()
        return Batch(batch_id, int(rest[0]), rest[1], rest[2])

    async def _enter(self, entries: list[Entry], client: str, once: Once, batch_id: str = "") -> list[Any]:
        """The script's answer, unless it is a refusal."""
        limits, count = self._settings.api, len(entries)
        max_queued, *others = limits_of(limits, count)
        waits_s: list[float] = [0] * count
        if any(entry.request.deadline for entry in entries):
            waits_s = starts_in_s(entries, await self.queue())
        jobs = [
            argument for entry, wait_s in zip(entries, waits_s, strict=True) for argument in entry.arguments(wait_s)
        ]
        kept_s = int(max(entry.kept_s for entry in entries))
        head = [
            client,
            max_queued,
            once.key,
            once.fingerprint,
            batch_id,
            kept_s,
            *others,
            int(limits.cache_ttl_s * 1000),
        ]
        async with _told(self._timeout_s):
            answer: list[Any] = await self._scripts["submit"](args=[*head, *jobs])
        if answer[0] not in {"ok", "replayed"}:
            raise refusal(answer, limits, await self._recent(), count, in_batch=bool(batch_id))
        return answer

    async def read(self, job_id: str, client: str | None = None) -> Read:
        """Raises `JobNotFound` for an id that never was or is not this client's (None: whoever's it is), and
        `JobGone` past its lifetime."""
        record, place = await self._record(job_id, client)
        job = job_of(job_id, record, await self._place(place, int(record["cost"])))
        return Read(job, int(record["version"]), record["client"])

    async def request(self, job_id: str, client: str) -> JobRequest:
        """What was asked for, defaults and seed included; raises as `read` does."""
        record, _ = await self._record(job_id, client)
        return request_of(record)

    async def _record(self, job_id: str, client: str | None) -> tuple[dict[str, str], list[int]]:
        """The record and the place in the queue."""
        answer, told, place = await self._reads(job_id)
        if answer == "broken":
            raise StoreUnavailable(f"The record of {job_id} is broken: {told}")
        return known_to(client, answer, told), place

    async def _read_all(self, job_ids: Sequence[str]) -> list[Any]:
        async with _told(self._timeout_s):
            answers: list[Any] = await self._scripts["read"](args=job_ids)
        return answers

    async def page(self, client: str, status: Status | None, limit: int, cursor: int | None) -> Page:
        """Up to `limit` jobs of this client below the cursor; fewer when `SCANNED` others had to be passed over."""
        below = "" if cursor is None else cursor
        async with _told(self._timeout_s):
            following, *found = await self._scripts["list"](args=[client, status or "", limit, below, SCANNED])
        jobs = []
        for job_id, flat, place in found:
            record = record_of(flat)
            jobs.append(job_of(job_id, record, await self._place(place, int(record["cost"]))))
        return Page(jobs, int(following) if following else None)

    async def cancel(self, job_id: str) -> tuple[Status, Status]:
        """The status before and after; raises `JobNotFound`."""
        async with _told(self._timeout_s):
            answer = await self._scripts["cancel"](args=[job_id])
        if answer[0] == "unknown":
            raise JobNotFound()
        return Status(answer[0]), Status(answer[1])

    async def delete(self, job_id: str, client: str) -> None:
        """Forget a finished job; raises `JobNotFound`, `JobGone` and `JobNotFinished`."""
        async with _told(self._timeout_s):
            answer, *rest = await self._scripts["delete"](args=[job_id, client])
        if answer == "unknown":
            raise JobNotFound()
        if answer == "gone":
            raise JobGone()
        if answer == "not_finished":
            raise JobNotFinished(f"The job is {rest[0]}; cancel it first")

    async def _place(self, told: Sequence[int], cost: int) -> QueuePlace | None:
        """The ETA is an estimate, so it may rest on figures that are not the latest: reading a job stays one round
        trip. Nor may its lack make an accepted job look refused."""
        if not told:
            return None
        figures, place = await self._recent(), Place(*told)
        return QueuePlace(position=place.position, eta_s=figures.eta_s(place, cost) if figures else None)

    async def _recent(self) -> Figures | None:
        if time.monotonic() - self._figures_at > FIGURES_FRESH_S:
            with suppress(StoreUnavailable):
                await self.queue()
        return self._figures

    async def queue(self) -> Figures:
        async with _told(self._timeout_s):
            answer = await self._scripts["queue"]()
        self._figures_at = time.monotonic()
        self._figures = figures_of(answer)
        return self._figures

    async def sweep(self) -> list[Ring]:
        """What must be rung, after mending what nobody else would mend; empty when another swept this second."""
        async with _told(self._timeout_s):
            return rings_of(await self._scripts["sweep"](args=sweep_arguments(self._settings)))

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[redis.asyncio.client.PubSub]:
        """A subscription of its own connection; raises `StoreUnavailable` when it breaks."""
        subscription = self._redis.pubsub(ignore_subscribe_messages=True)
        async with _told(None):
            try:
                await subscription.subscribe(channel)
                yield subscription
            finally:
                await subscription.aclose()


@asynccontextmanager
async def _told(within_s: float | None) -> AsyncIterator[None]:
    """Redis's errors as ours; its text may name the host but never the password.

    `within_s` bounds the whole call: the driver's own timeout starts anew for the connection, its handshake and each
    try, so that a frozen Redis held a call for three of them.
    """
    try:
        async with asyncio.timeout(within_s):
            yield
    except (RedisError, OSError, json.JSONDecodeError) as error:
        raise StoreUnavailable(f"Redis: {type(error).__name__}") from error
