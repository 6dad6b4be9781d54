"""Jobs that start from other jobs' boards: what they start from, and all that belong together.

Knows two scripts (lua/takes.lua, lua/submit.lua) and `Submissions`; not HTTP, and not how a board is made anew.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from scriptqueue.schemas import Job, JobRequest, Storyboard
from shared.errors import JobGone, JobNotFinished, JobNotFound, KeyReused, NoResult
from shared.store.connection import Store
from shared.store.entry import Once
from shared.store.submissions import READ_AT_ONCE, Submissions, Submitted


class TakeStore:
    """Every method raises `StoreUnavailable`, `JobNotFound` for an id that never was or is another client's, and
    `JobGone` past its lifetime."""

    def __init__(self, store: Store, submissions: Submissions) -> None:
        self._store = store
        self._submissions = submissions

    async def origin(self, job_id: str, client: str) -> tuple[JobRequest, Storyboard]:
        """What was asked of a job, and its board; raises `JobNotFinished` and `NoResult` where it has none."""
        job = (await self._submissions.read(job_id, client)).job
        if not job.done:
            raise JobNotFinished(f"The base is {job.status}")
        if job.result is None:
            raise NoResult(f"The base is {job.status}")
        return await self._submissions.request(job_id, client), job.result

    async def list(self, job_id: str, client: str) -> list[Job]:
        """Those that are left of the jobs that started from one another, this one among them, the oldest first."""
        await self._submissions.read(job_id, client)
        ids = [str(one) for one in await self._store.call("takes", id=job_id)]
        found: list[Job | None] = []
        for first in range(0, len(ids), READ_AT_ONCE):
            found += await asyncio.gather(*(self._job(one, client) for one in ids[first : first + READ_AT_ONCE]))
        return [job for job in found if job]

    async def _job(self, job_id: str, client: str) -> Job | None:
        with suppress(JobNotFound, JobGone):
            return (await self._submissions.read(job_id, client)).job
        return None

    async def made_by(self, once: Once, client: str) -> Submitted | None:
        """What this key made before, although its base may be gone since; None: nothing. Raises `KeyReused`."""
        if not once.key:
            return None
        nothing = dict.fromkeys(("batch", "batch_ttl_s", "shared", "weight"), "")
        limits = dict.fromkeys(("max_queued", "rate", "most", "cache_ttl_ms"), 0)
        fingerprint = once.fingerprint
        answer, *rest = await self._store.call(
            "submit", client=client, key=once.key, fingerprint=fingerprint, **nothing, **limits, jobs=[]
        )
        if answer == "reused":
            raise KeyReused()
        if answer != "replayed":
            return None
        return Submitted((await self._submissions.read(str(rest[0]), client)).job, replayed=True)
