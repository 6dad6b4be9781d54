"""`/jobs`: submit, read, wait, cancel. The work is the store's; here is how HTTP says it."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Body, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.http.body import JsonRoute, aside, in_the_body
from api.http.dependencies import ClientName, JobId, Parts, RunLimit, TheParts, known_id
from api.http.examples import EXAMPLES
from api.http.idempotency import Caller, TheCaller, caller_of
from api.http.keyed_route import Endpoint
from api.http.listing import TheListing
from api.http.openapi import errors, headers, links
from api.http.poll import POLLED, RawRoute, etag, poll_of
from api.http.prefer import Prefer, wait_s
from api.routes.completing import completed
from api.routes.starting import is_based, whole_request
from scriptqueue.responses import JobList
from scriptqueue.schemas import Job, JobRequest, Status
from shared.board.rebase import edited
from shared.errors import (
    BodyTooLarge,
    BodyTooSlow,
    DeadlineTooSoon,
    EncodedBody,
    InvalidRequest,
    JobGone,
    JobNotFinished,
    JobNotFound,
    KeyReused,
    MalformedJson,
    NoResult,
    NoSuchModel,
    NotJson,
    NotRetryable,
    QueueFull,
    StoreUnavailable,
    TooFast,
    TooManyActive,
    TooManyStreams,
    TooManyWaiting,
)
from shared.store.entry import Done, Once
from shared.store.submissions import Submitted

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=JsonRoute)

MAX_POLL_S = 10
BOARD_BYTES = 1024 * 1024  # of a body that may hold a board
UNREAD = (MalformedJson, BodyTooSlow, BodyTooLarge, NotJson, EncodedBody)
ADMISSION = (DeadlineTooSoon, NoSuchModel, TooFast, TooManyActive, TooManyWaiting, QueueFull)
EXISTING = (JobNotFound, JobGone, StoreUnavailable)
_WAITED = {"Preference_Applied": "`wait=N`: the seconds that were granted", "Retry_After": "seconds, while not done"}
REPLAYED = "`true`: this key made this job before"
DONE_WITH_A_JOB = links(
    "job_id",
    get="jobs_get",
    events="jobs_events",
    result="jobs_result",
    cancel="jobs_cancel",
    retry="jobs_retry",
    delete="jobs_delete",
)
LOCATED = headers(Location="the job", Idempotency_Replayed=REPLAYED, **_WAITED)


async def get(request: Request) -> Response:
    """The job as it is. With `Prefer: wait=N` the answer comes with the next change of status, scenes or progress: from
    the `ETag` in `If-None-Match`, else from the state at arrival. A job that is done changes no more."""
    parts: Parts = request.app.state.parts
    client, job_id, poll = parts.client(request), known_id(request.path_params["job_id"]), poll_of(request)
    with parts.stay(parts.neighbour(request, client), poll.wait_s):
        read = await parts.changes.read(job_id, client, poll.wait_s or 0, enough=poll.answers)
    response_headers = {"ETag": etag(read), **_when(read.job, poll.wait_s)}
    if poll.knows(read):
        return Response(status_code=304, headers=response_headers)
    # What FastAPI would write, without its asking again whether a `Job` is one.
    return Response(read.job.model_dump_json(), media_type="application/json", headers=response_headers)


# First, for routes are tried in their order and this one is asked for most; raw, for FastAPI's way costs as much again.
router.add_api_route(
    "/{job_id}",
    get,
    methods=["GET"],
    route_class_override=RawRoute,
    response_model=Job,
    openapi_extra={"parameters": POLLED},
    responses={
        200: {"headers": headers(ETag="the record's version, without position and ETA", **_WAITED)},
        304: {"description": "Not changed", "headers": headers(ETag="the version", **_WAITED)},
        **errors(*EXISTING, TooManyStreams),
    },
)


class _SubmitRoute(JsonRoute):
    """FastAPI describes it by its endpoint's signature; what that asks for is read by hand, a quarter of a POST."""

    limit_bytes: ClassVar[int] = BOARD_BYTES

    async def answer(self, handle: Endpoint, request: Request, body: bytes, value: Any) -> Response:
        caller = caller_of(request, request.headers.get("idempotency-key"))
        if is_based(value):
            return await _submit_based(value, caller, request)
        try:
            wanted = JobRequest.model_validate(value, from_attributes=True)  # FastAPI's words of faults
        except ValidationError as error:
            raise RequestValidationError(in_the_body(error), body=value) from None
        return await submit(wanted, caller, request.app.state.parts, request.headers.getlist("prefer"))


async def submit(
    request: Annotated[JobRequest, Body(openapi_examples=EXAMPLES)],
    caller: TheCaller,
    parts: TheParts,
    prefer: Prefer = None,
) -> Response:
    """Queue a prompt. With `Prefer: wait=N` the answer comes when the job is done, or after N seconds (at most 60).
    A POST repeated with its `Idempotency-Key` within 24 hours is answered with the first one's job."""
    return await _entered(request, caller, parts, caller.once("job", [request]), wait_s(prefer))


async def _submit_based(value: dict[str, Any], caller: Caller, request: Request) -> Response:
    """A key is looked at first: what it made stands, whatever became of the base since."""
    parts: Parts = request.app.state.parts
    once, granted_s = caller.once_as_sent("job", value), wait_s(request.headers.getlist("prefer"))
    if submitted := await parts.takes.made_by(once, caller.client):
        return await _answered(submitted, caller, parts, granted_s)
    return await _entered(await whole_request(value, caller.client, parts), caller, parts, once, granted_s)


async def _entered(request: JobRequest, caller: Caller, parts: Parts, once: Once, granted_s: int | None) -> Response:
    wanted, is_slow = (request, parts.settings), request.mode == "break_down"  # to cut a long script holds others up
    whole, notes = await aside(completed, *wanted) if is_slow else completed(*wanted)
    done = Done(*edited(whole)) if whole.base and not whole.rewrite else None
    with parts.stay(caller.neighbour, granted_s):  # taken first: an accepted job is never answered with an error
        submitted = await parts.submissions.submit(whole, caller.client, once, notes=notes, done=done)
        return await _answered(submitted, caller, parts, granted_s)


async def _answered(submitted: Submitted, caller: Caller, parts: Parts, granted_s: int | None) -> Response:
    await _ring(parts, submitted)
    job = submitted.job
    if granted_s is not None:
        job = await _when_done(parts, job, caller.client, granted_s)
    response_headers = _where(submitted) | _when(job, granted_s)
    return Response(job.model_dump_json(), 200 if job.done else 202, response_headers, "application/json")


router.add_api_route(
    "",
    submit,
    methods=["POST"],
    route_class_override=_SubmitRoute,
    response_model=Job,
    status_code=202,
    response_description="Accepted: it will reach a terminal state",
    responses={
        202: {"headers": LOCATED, "links": DONE_WITH_A_JOB},
        200: {
            "description": "It is done: from the cache, an edited board, finished within `Prefer: wait=N`, or met so "
            "by a repeated POST",
            "model": Job,
            "headers": LOCATED,
            "links": DONE_WITH_A_JOB,
        },
        **errors(*UNREAD, InvalidRequest, KeyReused, *EXISTING, JobNotFinished, NoResult),
        **errors(*ADMISSION, TooManyStreams, StoreUnavailable),
    },
)


@router.get("", response_model=JobList, responses=errors(InvalidRequest, StoreUnavailable))
async def list_jobs(client: ClientName, parts: TheParts, wanted: TheListing) -> Response:
    """Your jobs, newest first, as long as their records are kept. Jobs that come meanwhile move no page."""
    page = await parts.submissions.page(client, wanted.status, wanted.limit, wanted.cursor)
    counts = await parts.submissions.counts(client) if wanted.counts else None
    listed = JobList(jobs=page.jobs, next=None if page.cursor is None else str(page.cursor), counts=counts)
    absent = None if wanted.counts else {"counts"}
    return Response(listed.model_dump_json(include=wanted.included, exclude=absent), media_type="application/json")


@router.get("/{job_id}/request", responses=errors(*EXISTING))
async def request_of(job_id: JobId, client: ClientName, parts: TheParts) -> JobRequest:
    """What was asked for, with every default and the seed: what a job itself does not repeat."""
    return await parts.submissions.request(job_id, client)


@router.post(
    "/{job_id}/cancel",
    response_description="It was queued or already done",
    responses={
        202: {"description": "It runs: `canceling`, until its place is free", "model": Job},
        **errors(*EXISTING),
    },
)
async def cancel(job_id: JobId, client: ClientName, parts: TheParts, response: Response) -> Job:
    """Stop a job. Safe to repeat; a job that is done stays as it is."""
    job = (await parts.submissions.cancel(job_id, client)).job
    response.status_code = 202 if job.status is Status.CANCELING else 200
    return job


@router.post(
    "/{job_id}/retry",
    status_code=202,
    response_description="Accepted: a new job",
    responses={
        202: {
            "headers": headers(Location="the new job", Idempotency_Replayed=REPLAYED, Retry_After="seconds"),
            "links": DONE_WITH_A_JOB,
        },
        **errors(*EXISTING, NotRetryable, InvalidRequest, KeyReused, *ADMISSION),
    },
)
async def retry(
    job_id: JobId, caller: TheCaller, parts: TheParts, response: Response, execution_timeout_s: RunLimit = None
) -> Job:
    """Queue a new job like one that failed, was canceled or expired. Its seed is drawn anew unless you gave one; it may
    run longer, or less long, if `execution_timeout_s` says so."""
    what = f"retry {job_id}" + (f" within {execution_timeout_s:g} s" if execution_timeout_s is not None else "")
    once = caller.once(what, [])
    submitted = await parts.submissions.retry(job_id, caller.client, once, execution_timeout_s)
    await _ring(parts, submitted)
    response.headers.update(_where(submitted) | _when(submitted.job, None))
    return submitted.job


@router.delete("/{job_id}", status_code=204, responses=errors(*EXISTING, JobNotFinished))
async def delete(job_id: JobId, client: ClientName, parts: TheParts) -> None:
    """Forget a finished job, its prompt and its result. From then on it is 410, for 7 days."""
    await parts.submissions.delete(job_id, client)


async def _ring(parts: Parts, submitted: Submitted) -> None:
    """For a job that waits for a worker."""
    if submitted.ring:
        await parts.doorbell.ring(submitted.ring)


def _where(submitted: Submitted) -> dict[str, str]:
    """The headers that tell which job it is."""
    replayed = {"Idempotency-Replayed": "true"} if submitted.replayed else {}
    return {**replayed, "Location": submitted.job.urls.self}


async def _when_done(parts: Parts, job: Job, client: str, wait_s: int) -> Job:
    """An accepted job is never answered with an error: should Redis go away now, the job is told as it was."""
    try:
        return (await parts.changes.read(str(job.id), client, wait_s, enough=lambda read: read.job.done)).job
    except (StoreUnavailable, JobGone):
        return job


def _when(job: Job, wait_s: int | None) -> dict[str, str]:
    """The headers that tell a client that waits more than the job does."""
    response_headers = {} if wait_s is None else {"Preference-Applied": f"wait={wait_s}"}
    if not job.done:
        eta_s = job.queue.eta_s if job.queue and job.queue.eta_s else 1
        response_headers["Retry-After"] = str(max(1, min(math.ceil(eta_s), MAX_POLL_S)))
    return response_headers
