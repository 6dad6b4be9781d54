"""`/batches`: many jobs in one request, all or none; counted and canceled together."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, BackgroundTasks, Body, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from api.http.body import JsonRoute, aside, in_the_body, parse_json
from api.http.dependencies import BatchId, ClientName, TheParts
from api.http.examples import BATCHES
from api.http.idempotency import TheCaller
from api.http.openapi import errors, headers, links
from api.http.problems import MAX_FAULTS
from api.routes.completing import completed
from api.routes.jobs import ADMISSION, REPLAYED, UNREAD
from api.routes.starting import is_based
from scriptqueue.responses import BatchCounts, BatchUrls, BatchView
from scriptqueue.schemas import JobRequest, StrictShape
from shared.errors import BatchNotFound, InvalidRequest, KeyReused, StoreUnavailable
from shared.settings import Settings
from shared.store.submissions import Batch
from shared.url_prefix import reached_at

MAX_JOBS = 1000


class BatchRequest(StrictShape):
    """Jobs to queue together."""

    jobs: list[JobRequest] = Field(min_length=1, max_length=MAX_JOBS)


class _Frame(StrictShape):
    """A batch without a look at its jobs."""

    jobs: list[Any] = Field(min_length=1, max_length=MAX_JOBS)


class BatchRoute(JsonRoute):
    limit_bytes: ClassVar[int] = 16 * 1024 * 1024
    limit_marks: ClassVar[int] = 200 * MAX_JOBS  # a job with every field has 60

    @staticmethod
    def value_of(body: bytes) -> Any:
        """Job by job: pydantic itself makes an error of every fault, and a million of them take minutes."""
        value, jobs, faults = parse_json(body), [], []
        try:
            frame = _Frame.model_validate(value)
        except ValidationError as error:
            raise RequestValidationError(in_the_body(error), body=value) from None
        for number, job in enumerate(frame.jobs):
            if is_based(job):
                words = "a batch starts from no board; post this job to /jobs"
                faults.append({"type": "base_in_batch", "loc": ("body", "jobs", number, "base"), "msg": words})
                continue
            try:
                jobs.append(JobRequest.model_validate(job))
            except ValidationError as error:
                faults += in_the_body(error, "jobs", number)
                if len(faults) > MAX_FAULTS:
                    break
        if faults:
            raise RequestValidationError(faults, body=value)
        return BatchRequest(jobs=jobs)


router = APIRouter(prefix="/batches", tags=["batches"], route_class=BatchRoute)


@router.post(
    "",
    status_code=202,
    response_description="Accepted, every one of them",
    responses={
        202: {
            "headers": headers(Location="the batch", Idempotency_Replayed=REPLAYED),
            "links": links("batch_id", get="batches_get", cancel="batches_cancel"),
        },
        **errors(*UNREAD, InvalidRequest, KeyReused, BatchNotFound, *ADMISSION, StoreUnavailable),
    },
)
async def submit(
    request: Annotated[BatchRequest, Body(openapi_examples=BATCHES)],
    caller: TheCaller,
    parts: TheParts,
    background: BackgroundTasks,
    response: Response,
) -> BatchView:
    """Queue up to 1,000 jobs, all or none. `Idempotency-Key` works as for one job."""
    requests, notes = await aside(_all_filled, request.jobs, parts.settings)
    once = await aside(caller.once, "batch", request.jobs)
    batch = await parts.submissions.submit_batch(requests, caller.client, once, notes)
    if batch.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    # After the answer: a thousand doorbells take longer than a client should wait.
    background.add_task(parts.doorbell.ring, *batch.ring)
    view = _view(batch)
    response.headers["Location"] = view.urls.self
    return view


@router.get("/{batch_id}", responses=errors(BatchNotFound, StoreUnavailable))
async def get(batch_id: BatchId, client: ClientName, parts: TheParts) -> BatchView:
    """How far the jobs of a batch are."""
    return _view(await parts.submissions.batch(batch_id, client))


@router.post(
    "/{batch_id}/cancel",
    response_description="Every job is done",
    responses={
        202: {"description": "Some are `canceling`, until their places are free", "model": BatchView},
        **errors(BatchNotFound, StoreUnavailable),
    },
)
async def cancel(batch_id: BatchId, client: ClientName, parts: TheParts, response: Response) -> BatchView:
    """Stop every job of a batch that is not done. Safe to repeat."""
    view = _view(await parts.submissions.batch(batch_id, client, cancel=True))
    response.status_code = 200 if view.done else 202
    return view


def _all_filled(requests: list[JobRequest], settings: Settings) -> tuple[list[JobRequest], list[list[str]]]:
    """A thousand long prompts take longer to read than the event loop should stand still."""
    each = _all_completed(requests, settings)
    return [request for request, _ in each], [notes for _, notes in each]


def _all_completed(requests: list[JobRequest], settings: Settings) -> list[tuple[JobRequest, list[str]]]:
    """As `completed`, with pointers that name the job."""
    whole = []
    for number, request in enumerate(requests):
        try:
            whole.append(completed(request, settings))
        except RequestValidationError as error:
            faults = [{**fault, "loc": ("body", "jobs", number, *fault["loc"][1:])} for fault in error.errors()]
            raise RequestValidationError(faults, body={"jobs": {number: error.body}}) from None
    return whole


def _view(batch: Batch) -> BatchView:
    counts = BatchCounts(**Counter(batch.statuses))
    base = reached_at(f"/batches/{batch.batch_id}")
    return BatchView.model_validate(
        {
            "id": batch.batch_id,
            "created_at": datetime.fromtimestamp(batch.created_ms / 1000, UTC),
            "done": not (counts.queued or counts.running or counts.canceling),
            "total": len(batch.job_ids),
            "counts": counts,
            "jobs": batch.job_ids,
            "durability": batch.durability,
            "urls": BatchUrls(self=base, cancel=f"{base}/cancel"),
        }
    )
