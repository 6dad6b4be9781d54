"""Jobs that ended their worker too often: kept for a week, however short the lifetime of their record, to be looked at
and queued anew.

Knows two scripts (lua/dead.lua, lua/exhume.lua) and `Submissions`, which queues; not HTTP.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from scriptqueue.schemas import DeadJob, JobRequest
from shared.errors import JobNotFound
from shared.store.connection import Store
from shared.store.entry import Once, again
from shared.store.record import record_of
from shared.store.submissions import Submissions, Submitted


class DeadJobStore:
    """Every method raises `StoreUnavailable`."""

    def __init__(self, store: Store, submissions: Submissions) -> None:
        self._store = store
        self._submissions = submissions

    async def list(self, client: str) -> tuple[DeadJob, ...]:
        """The client's own, newest first; at most 1,000 are kept of all clients together."""
        return tuple(_dead_job(dead_id, job) for dead_id, job in (await self._read(client, "")).items())

    async def requeue(self, job_id: str, client: str) -> Submitted:
        """A new job like it; raises `JobNotFound`, `NotRetryable` and `QueueFull`. Two at once make one job."""
        job = (await self._read(client, job_id)).get(job_id)
        if job is None:
            raise JobNotFound("No such job is on the dead list")
        once = Once(f"requeue {job_id}", job_id)
        request, notes = again({"status": "failed", **job})
        submitted = await self._submissions.submit(request, client, once, retry_of=job_id, notes=notes)
        await self._store.call("exhume", id=job_id)
        return submitted

    async def _read(self, client: str, job_id: str) -> dict[str, dict[str, Any]]:
        flat = await self._store.call("dead", client=client, id=job_id)
        return {dead_id: json.loads(text) for dead_id, text in record_of(flat).items()}


def _dead_job(job_id: str, record: dict[str, Any]) -> DeadJob:
    request = JobRequest.model_validate_json(record["request"])
    return DeadJob(
        id=UUID(job_id),
        failed_at=datetime.fromtimestamp(record["died"] / 1000, UTC),
        attempts=record["attempts"],
        crashes=record["crashes"],
        lapses=record["lapses"],
        prompt=request.prompt,
        priority=request.priority,
        metadata=request.metadata,
    )
