"""What routes ask for: the parts of the process, the client, a job id. Knows FastAPI; does no work.

Each costs a read about as much as a word with Redis, so they are few and not nested. All are async, though none waits:
FastAPI runs what is not in a thread each, which costs more than the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from prometheus_client import CollectorRegistry
from pydantic import AfterValidator

from api.changes import Changes
from api.doorbell import Doorbell
from api.http.auth import Keys
from shared.errors import BatchNotFound, JobNotFound
from shared.settings import Settings
from shared.store.connection import Store
from shared.store.dead_jobs import DeadJobStore
from shared.store.deliveries import DeliveryStore
from shared.store.event_log import EventLog
from shared.store.submissions import Submissions

JOB_ID: dict[str, Any] = {"format": "uuid", "examples": ["0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"]}  # as described
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Parts:
    """What one API process holds while it runs."""

    settings: Settings
    keys: Keys
    store: Store
    submissions: Submissions
    events: EventLog
    dead: DeadJobStore
    deliveries: DeliveryStore
    doorbell: Doorbell
    changes: Changes
    registry: CollectorRegistry

    @classmethod
    def on(cls, store: Store, settings: Settings, keys: Keys, registry: CollectorRegistry) -> Parts:
        """All of them on one connection."""
        submissions = Submissions(store, settings)
        return cls(
            settings=settings,
            keys=keys,
            store=store,
            submissions=submissions,
            events=EventLog(store),
            dead=DeadJobStore(store, submissions),
            deliveries=DeliveryStore(store),
            doorbell=Doorbell(settings, store),
            changes=Changes(store, submissions),
            registry=registry,
        )

    def client(self, request: Request) -> str:
        """Who asks; raises `Unauthorized`."""
        return self.keys.client(request.headers.get("authorization"))


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
BatchId = Annotated[
    str,
    Path(json_schema_extra={"format": "uuid"}, examples=["6b1c1f0e-8d1e-4a55-9f0c-0c8f3a7b2d10"]),
    AfterValidator(_batch_id),
]
