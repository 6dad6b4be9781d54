"""`/jobs/{id}/deliveries`: what became of a job's webhook events, and sending them again. The work is the store's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.http.dependencies import ClientName, JobId, TheParts
from api.http.keyed_route import KeyedRoute
from api.http.openapi import errors
from api.routes.jobs import EXISTING
from scriptqueue.responses import DeliveryList
from shared.errors import InvalidRequest, NothingToRedeliver

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=KeyedRoute)


@router.get("/{job_id}/deliveries", responses=errors(*EXISTING))
async def list_deliveries(job_id: JobId, client: ClientName, parts: TheParts) -> DeliveryList:
    """What became of the events of the job's webhook: those it asked for, in their order, each with its tries. Kept as
    long as the job."""
    return DeliveryList(deliveries=tuple(await parts.deliveries.of(job_id, client)))


@router.post(
    "/{job_id}/deliveries/redeliver",
    status_code=202,
    response_description="Due at once",
    responses=errors(InvalidRequest, *EXISTING, NothingToRedeliver),
)
async def redeliver(
    job_id: JobId,
    client: ClientName,
    parts: TheParts,
    number: Annotated[
        int | None, Query(ge=1, le=10**9, description="of one event, whatever became of it; none: all that failed")
    ] = None,
) -> DeliveryList:
    """Send events again, with the schedule begun anew: all that failed, also those that wait for their next try. The
    `webhook-id` stays the same. A receiver that had answered 410 is asked again."""
    return DeliveryList(deliveries=tuple(await parts.deliveries.send_again(job_id, client, number)))
