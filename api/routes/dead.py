"""`/dead`: jobs that ended their worker too often, to be looked at and queued anew. The work is the store's."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.http.dependencies import ClientName, JobId, TheParts
from api.http.keyed_route import KeyedRoute
from api.http.openapi import errors, headers
from api.routes.jobs import ADMISSION
from scriptqueue.responses import DeadList
from scriptqueue.schemas import Job
from shared.errors import JobGone, JobNotFound, NotRetryable, StoreUnavailable

router = APIRouter(prefix="/dead", tags=["dead"], route_class=KeyedRoute)


@router.get("", responses=errors(StoreUnavailable))
async def list_dead(client: ClientName, parts: TheParts) -> DeadList:
    """Your jobs that failed as `worker_lost`, newest first; kept for a week."""
    return DeadList(jobs=await parts.dead.list(client))


@router.post(
    "/{job_id}/requeue",
    status_code=202,
    response_description="Accepted: a new job",
    responses={
        202: {"headers": headers(Location="the new job", Retry_After="seconds")},
        **errors(JobNotFound, JobGone, NotRetryable, *ADMISSION, StoreUnavailable),
    },
)
async def requeue(job_id: JobId, client: ClientName, parts: TheParts, response: Response) -> Job:
    """Queue a new job like one that is dead, and take it off the list."""
    requeued = await parts.dead.requeue(job_id, client)
    job = requeued.job
    if requeued.ring:
        await parts.doorbell.ring(requeued.ring)
    response.headers["Location"] = job.urls.self
    response.headers["Retry-After"] = "1"
    return job
