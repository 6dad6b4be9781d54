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
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from scriptqueue.schemas import Durability, Job, JobRequest, QueuePlace, Status
from shared.errors import BatchNotFound, JobGone, JobNotFinished, JobNotFound, StoreUnavailable
from shared.eta import Place, QueueLoad
from shared.rings import Ring
from shared.settings import Settings
from shared.store.admission import limits_of, refused_by, starts_in_s
from shared.store.coalesce import Coalescer
from shared.store.connection import Store
from shared.store.entry import NO_KEY, Done, NewJob, Once, again, new_job_of, new_jobs_of
from shared.store.record import job_of, known_to, queue_load_of, record_of, seeded_request
from shared.store.replication import Replication
from shared.store.scripts import named
from shared.store.sweep import Sweeps

FIGURES_FRESH_S = 0.25
SCANNED = 2000  # ids that one page may look at, about 3 ms of Redis
COUNTED = 10_000  # jobs whose states are counted
READ_AT_ONCE = 128  # jobs of one round trip: a thousand clients that are woken at once need eight of them


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
    durability: Durability | None = None


@dataclass(frozen=True)
class Submitted:
    """`replayed`: the job that the same idempotency key made before, as it is now. `ring`: the doorbell that it waits
    for, as none does that shares another's result."""

    job: Job
    ring: Ring | None = None
    replayed: bool = False

    @property
    def rings(self) -> bool:
        return self.ring is not None


class Canceled(NamedTuple):
    """The status before, and the job as it is now."""

    before: Status
    job: Job


class Submissions:
    """Every method raises `StoreUnavailable` when Redis does not answer in time or refuses to write."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._sweeps = Sweeps(settings)
        self.replication = Replication(store, settings)
        self._reads = Coalescer(self._read_all, READ_AT_ONCE)
        self._figures: QueueLoad | None = None
        self._figures_at = -math.inf

    async def submit(  # noqa: PLR0913, PLR0917 - what is entered, and as what
        self,
        request: JobRequest,
        client: str,
        once: Once = NO_KEY,
        retry_of: str | None = None,
        notes: Sequence[str] = (),
        done: Done | None = None,
    ) -> Submitted:
        """Queue a job, or let one like it answer it, or enter one that is done; raises what admission.py refuses, and
        `JobGone` when the key's first job is gone."""
        entry = new_job_of(request, retry_of, notes, done)
        entered = await self._enter([entry], client, once)
        if isinstance(entered, str):
            durability = await self.replication.accepted([entered], client, is_new=False)
            job = (await self.read(entered, client)).job
            return Submitted(job if job.done else job.model_copy(update={"durability": durability}), replayed=True)
        durability = await self.replication.accepted([entry.job_id], client, once.key, is_new=True)
        record = record_of(entered["record"]) or entry.record(entered["created_ms"])
        place = await self._place(entered["place"], entry.cost, entry.request.candidates, entry.request.model)
        job = job_of(entry.job_id, record, place, durability)
        return Submitted(job, entry.ring if entered["ring"] else None)

    async def retry(
        self, job_id: str, client: str, once: Once = NO_KEY, execution_timeout_s: float | None = None
    ) -> Submitted:
        """Queue a job like this one, with another time to run if one is given; raises as `read` and `submit` do, and
        `NotRetryable`."""
        record, _ = await self._record(job_id, client)
        request, notes = again(record)
        if execution_timeout_s is not None:
            request = request.model_copy(update={"execution_timeout_s": execution_timeout_s})
        return await self.submit(request, client, once, retry_of=job_id, notes=notes)

    async def submit_batch(
        self, requests: Sequence[JobRequest], client: str, once: Once = NO_KEY, notes: Sequence[Sequence[str]] = ()
    ) -> Batch:
        """Queue all of them or none; raises as `submit`. `notes`: of each in their order, or none at all."""
        entries, batch_id = await asyncio.to_thread(new_jobs_of, requests, notes), str(uuid.uuid4())
        entered = await self._enter(entries, client, once, batch_id)
        if isinstance(entered, str):
            batch = await self.batch(entered, client)
            durability = await self.replication.accepted(batch.job_ids, client, is_new=False)
            return replace(batch, replayed=True, durability=durability)
        job_ids = [entry.job_id for entry in entries]
        durability = await self.replication.accepted(job_ids, client, once.key, batch_id, is_new=True)
        with suppress(StoreUnavailable):  # accepted in any case; the sweep would say it too
            while await self._store.call("catch_up"):
                pass
        rung = set(entered["ring"])
        rings = tuple(entry.ring for entry in entries if entry.job_id in rung)
        return Batch(batch_id, entered["created_ms"], job_ids, entered["statuses"], ring=rings, durability=durability)

    async def batch(self, batch_id: str, client: str, *, cancel: bool = False) -> Batch:
        """The batch as it is, after canceling what is not done if told to; raises `BatchNotFound`."""
        answer, *rest = await self._store.call("batch", id=batch_id, client=client, cancel=cancel)
        while answer == "more":
            answer, *rest = await self._store.call("batch", id=batch_id, client=client, cancel=cancel)
        if answer == "unknown":
            raise BatchNotFound()
        durability = await self.replication.since(math.inf)  # all that is told of it
        return Batch(batch_id, int(rest[0]), rest[1], rest[2], durability=durability)

    async def _enter(self, entries: list[NewJob], client: str, once: Once, batch_id: str = "") -> dict[str, Any] | str:
        """The script's answer, unless it is a refusal; for a key that was met before, the id of what it made."""
        limits, count = self._settings.api, len(entries)
        weight = limits.weight_of(client)
        max_queued, rate, most = limits_of(limits, count)
        waits_s: list[float] = [0] * count
        if any(entry.request.deadline for entry in entries):
            waits_s = starts_in_s(entries, await self.queue(), client, weight)
        answer = await self._store.call(
            "submit",
            client=client,
            max_queued=max_queued,
            key=once.key,
            fingerprint=once.fingerprint,
            batch=batch_id,
            batch_ttl_s=int(max(entry.kept_s for entry in entries)),
            rate=rate,
            most=most,
            shared=limits.shared,
            cache_ttl_ms=int(limits.cache_ttl_s * 1000),
            weight=weight,
            jobs=[entry.arguments(wait_s) for entry, wait_s in zip(entries, waits_s, strict=True)],
        )
        match answer:
            case ["ok", values]:
                return named("submit", values)
            case ["replayed", first_id]:
                return str(first_id)
        raise refused_by(answer, limits, await self._recent(), count, in_batch=bool(batch_id))

    async def read(self, job_id: str, client: str | None = None) -> Read:
        """Raises `JobNotFound` for an id that never was or is not this client's (None: whoever's it is), and
        `JobGone` past its lifetime."""
        record, place = await self._record(job_id, client)
        job = job_of(job_id, record, await self._place_of(record, place))
        return Read(await self.replication.of_job(job), int(record["version"]), record["client"])

    async def request(self, job_id: str, client: str) -> JobRequest:
        """What was asked for, defaults and seed included; raises as `read` does."""
        record, _ = await self._record(job_id, client)
        return seeded_request(record)

    async def _record(self, job_id: str, client: str | None) -> tuple[dict[str, str], list[int]]:
        """The record and the place in the queue."""
        answer, found, place = await self._reads(job_id)
        if answer == "broken":
            raise StoreUnavailable(f"The record of {job_id} is broken: {found}")
        return known_to(client, answer, found), place

    async def _read_all(self, job_ids: Sequence[str]) -> list[Any]:
        answers: list[Any] = await self._store.call("read", ids=job_ids)
        return answers

    async def page(self, client: str, status: Status | None, limit: int, cursor: int | None) -> Page:
        """Up to `limit` jobs of this client below the cursor; fewer when `SCANNED` others had to be passed over."""
        following, *found = await self._store.call(
            "list", client=client, status=status, limit=limit, cursor=cursor, most=SCANNED
        )
        jobs = []
        for job_id, flat, place in found:
            record = record_of(flat)
            job = job_of(job_id, record, await self._place_of(record, place))
            jobs.append(await self.replication.of_job(job))
        return Page(jobs, int(following) if following else None)

    async def counts(self, client: str) -> dict[Status, int]:
        """How many of this client's newest `COUNTED` jobs are in each state; a state with none is left out."""
        counts: Counter[str] = Counter()
        cursor = None
        for _ in range(COUNTED // SCANNED):  # in pieces, so that nobody waits for Redis
            following, flat = await self._store.call("counts", client=client, cursor=cursor, most=SCANNED)
            counts.update({status: int(count) for status, count in record_of(flat).items()})
            if not (cursor := following):
                break
        return {status: counts[status] for status in Status if counts[status]}

    async def cancel(self, job_id: str, client: str) -> Canceled:
        """Stop a job that is not done; raises as `read` does."""
        answer, found, before = await self._store.call("cancel", id=job_id, client=client)
        job = job_of(job_id, known_to(client, answer, found), None)  # in no case does it wait any longer
        return Canceled(Status(before), await self.replication.of_job(job))

    async def delete(self, job_id: str, client: str) -> None:
        """Forget a finished job; raises `JobNotFound`, `JobGone` and `JobNotFinished`."""
        answer, *rest = await self._store.call("delete", id=job_id, client=client)
        if answer == "unknown":
            raise JobNotFound()
        if answer == "gone":
            raise JobGone()
        if answer == "not_finished":
            raise JobNotFinished(f"The job is {rest[0]}; cancel it first")

    async def changed_at(self) -> tuple[datetime | None, datetime | None]:
        """When the store began that is there now (what was accepted before is not in it), and when another server took
        it over or the same started anew (of what was accepted just before, some may be lost). None: nobody knows."""
        figures = await self._recent()
        times_s = (figures.began_s, figures.changed_s) if figures else (None, None)
        began, changed = (datetime.fromtimestamp(at_s, UTC) if at_s else None for at_s in times_s)
        return began, changed

    async def _place_of(self, record: Mapping[str, str], numbers: Sequence[int]) -> QueuePlace | None:
        model = json.loads(record["request"])["model"] if "only_model" in record else None
        return await self._place(numbers, int(record["cost"]), int(record.get("rows", 1)), model)

    async def _place(self, numbers: Sequence[int], cost: int, rows: int, model: str | None) -> QueuePlace | None:
        """The ETA is an estimate, so it may rest on figures that are not the latest: reading a job stays one round
        trip. Nor may its lack make an accepted job look refused."""
        if not numbers:
            return None
        figures, place = await self._recent(), Place(*numbers)
        if model and figures:
            figures = figures.of_model(model)
            place = replace(place, running=len(figures.running))
        waits_for = f"a worker that serves {model}" if model and figures and not figures.rows else None
        eta_s = figures.eta_s(place, cost, rows) if figures else None
        return QueuePlace(position=place.position, eta_s=eta_s, waits_for=waits_for)

    async def _recent(self) -> QueueLoad | None:
        if time.monotonic() - self._figures_at > FIGURES_FRESH_S:
            with suppress(StoreUnavailable):
                await self.queue()
        return self._figures

    async def queue(self) -> QueueLoad:
        answer = await self._store.call("queue")
        self._figures_at = time.monotonic()
        self._figures = queue_load_of(named("queue", answer))
        return self._figures

    async def sweep(self) -> list[Ring]:
        """What must be rung, after mending what nobody else would mend; empty when another swept this second."""
        return self._sweeps.rings(await self._store.call("sweep", **self._sweeps.arguments()))
