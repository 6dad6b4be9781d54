"""What routes ask for: the parts of the process, the client, a job id. Knows FastAPI; does no work.

Each costs a read about as much as a word with Redis, so they are few and not nested. All are async, though none waits:
FastAPI runs what is not in a thread each, which costs more than the rest.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from prometheus_client import CollectorRegistry
from pydantic import AfterValidator

from api.changes import Changes
from api.doorbell import Doorbell
from api.http.auth import Keys
from api.http.places import Streams, Turns, network_of
from api.trust import Trust
from shared.errors import BatchNotFound, JobNotFound
from shared.settings import Settings
from shared.store.connection import Store
from shared.store.dead_jobs import DeadJobStore
from shared.store.deliveries import DeliveryStore
from shared.store.event_log import EventLog
from shared.store.submissions import Submissions
from shared.store.takes import TakeStore

JOB_ID: dict[str, Any] = {"format": "uuid", "examples": ["0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"]}  # as described
LARGE_BODIES_AT_ONCE = 2  # of one client: 16 MB each, and several times that as values
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Parts:
    """What one API process holds while it runs."""

    settings: Settings
    keys: Keys
    store: Store
    trust: Trust
    submissions: Submissions
    events: EventLog
    dead: DeadJobStore
    takes: TakeStore
    deliveries: DeliveryStore
    doorbell: Doorbell
    changes: Changes
    registry: CollectorRegistry
    streams: Streams
    large_bodies: Turns

    @classmethod
    def on(cls, store: Store, trust: Trust, settings: Settings, keys: Keys, registry: CollectorRegistry) -> Parts:
        """All of them on one store."""
        submissions = Submissions(store, settings)
        return cls(
            settings=settings,
            keys=keys,
            store=store,
            trust=trust,
            submissions=submissions,
            events=EventLog(store, submissions.replication),
            dead=DeadJobStore(store, submissions),
            takes=TakeStore(store, submissions),
            deliveries=DeliveryStore(store),
            doorbell=Doorbell(settings, store),
            changes=Changes(store, submissions),
            registry=registry,
            streams=Streams(settings.api.max_streams),
            large_bodies=Turns(LARGE_BODIES_AT_ONCE),
        )

    def client(self, request: Request) -> str:
        """Who asks; raises `Unauthorized`."""
        return self.keys.client(request.headers.get("authorization"))

    def neighbour(self, request: Request, client: str) -> str:
        """Whom to count for what may not be taken from others: the client, or its address where all are one client."""
        return client if self.keys else network_of(request.client.host if request.client else "")

    def stay(self, neighbour: str, wait_s: int | None) -> AbstractContextManager[None]:
        """To be held while an answer is waited for, if it is at all; raises `TooManyStreams`."""
        return self.streams.place(neighbour) if wait_s else nullcontext()


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def _client(request: Request) -> str:
    parts: Parts = request.app.state.parts
    return parts.client(request)


def known_id(job_id: str) -> str:
    """The id as records have it; raises `JobNotFound` for what is none."""
    if not _UUID.fullmatch(job_id):
        raise JobNotFound()
    return job_id.lower()


def _batch_id(batch_id: str) -> str:
    if not _UUID.fullmatch(batch_id):
        raise BatchNotFound()
    return batch_id.lower()


TheParts = Annotated[Parts, Depends(_parts)]
ClientName = Annotated[str, Depends(_client)]
JobId = Annotated[
    str,
    Path(json_schema_extra={"format": JOB_ID["format"]}, examples=JOB_ID["examples"]),
    AfterValidator(known_id),
]
RunLimit = Annotated[
    float | None, Query(gt=0, le=86400, description="seconds that the new job may run; left out: as the one before")
]
BatchId = Annotated[
    str,
    Path(json_schema_extra={"format": "uuid"}, examples=["6b1c1f0e-8d1e-4a55-9f0c-0c8f3a7b2d10"]),
    AfterValidator(_batch_id),
]
