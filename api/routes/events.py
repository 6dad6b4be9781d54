"""`/jobs/{id}/events`: a job's life as server-sent events, from the start or from where a client was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response, StreamingResponse

from api.http.dependencies import ClientName, JobId, Parts, TheParts
from api.http.keyed_route import KeyedRoute
from api.http.openapi import errors, headers
from scriptqueue.schemas import EventName
from shared.errors import InvalidRequest, JobGone, JobNotFound, StoreUnavailable, TooManyStreams
from shared.store.event_log import EventLog, LoggedEvent, News

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=KeyedRoute)

HEARTBEAT_S = 10.0  # shorter than the silence that proxies bear
RETRY_MS = 1000
MAX_ID_DIGITS = 15
EVENT_STREAM_TYPE = "text/event-stream"
EXAMPLE = (
    f"retry: {RETRY_MS}\n\n"
    'id: 1\nevent: status\ndata: {"status":"queued","attempt":0}\n\n'
    'id: 2\nevent: status\ndata: {"status":"running","attempt":1}\n\n'
    'id: 3\nevent: scene\ndata: {"scene_number":1,"description":"雨中的猫","duration":5,"camera":"wide shot",'
    '"action":"猫抬头","video_prompt":"雨中的猫, 4k"}\n\n'
    'id: 4\nevent: progress\ndata: {"phase":"writing","tokens":60,"scenes_done":1,"fraction":0.33}\n\n'
    ": heartbeat\n\n"
)

EVENT = {  # as OpenAPI 3.2 says what each event of a stream holds
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "event": {"type": "string", "enum": list(get_args(EventName))},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer", "const": RETRY_MS},
    },
    "additionalProperties": False,
}


class EventStream(StreamingResponse):
    media_type = EVENT_STREAM_TYPE


async def _place(request: Request) -> AsyncIterator[ExitStack]:
    """Left by the stream itself at its end, so that the client's next one finds it free; and in any case here, where
    FastAPI goes on when the answer is sent or nobody takes it any more."""
    parts: Parts = request.app.state.parts
    with ExitStack() as place:
        place.enter_context(parts.streams.place(parts.neighbour(request, parts.client(request))))
        yield place


StreamPlace = Annotated[ExitStack, Depends(_place)]


@router.get(
    "/{job_id}/events",
    response_class=EventStream,
    responses={
        200: {
            "description": "Events until `done`",
            "content": {EVENT_STREAM_TYPE: {"itemSchema": EVENT, "example": EXAMPLE}},
            "headers": headers(Cache_Control="not to be kept"),
        },
        204: {"description": "The job is done and `Last-Event-ID` names its last event: do not reconnect"},
        **errors(InvalidRequest, JobNotFound, JobGone, TooManyStreams, StoreUnavailable),
    },
)
async def events(
    job_id: JobId,
    client: ClientName,
    parts: TheParts,
    place: StreamPlace,
    last_event_id: Annotated[
        str,
        Header(
            description="the number of the last event that is known; none: from the start",
            json_schema_extra={"pattern": f"^[0-9]{{0,{MAX_ID_DIGITS}}}$"},
            examples=["3"],
        ),
    ] = "",
) -> Any:
    """The job's events as they come: `status` with each new status and attempt, `progress`, `scene` with each scene as
    soon as it is complete, and at the end `done` with the whole job. `id` grows; with `Last-Event-ID` the stream goes
    on after that event. Comments come while there is nothing to tell. Also for a job that is done already: the stream
    is replayed."""
    known = _number(last_event_id)
    news = await parts.events.after(job_id, client, known)
    if news.done and not news.events:
        place.close()
        return Response(status_code=204)
    lines = _leaving(place, follow(parts, job_id, client, known))
    return EventStream(lines, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _leaving(place: ExitStack, lines: AsyncIterator[str]) -> AsyncIterator[str]:
    with place:
        async for line in lines:
            yield line


async def follow(
    parts: Parts, job_id: str, client: str, known: int, *, heartbeat_s: float = HEARTBEAT_S
) -> AsyncIterator[str]:
    """The stream's text. It is read as fast as its client takes it: nothing is kept for a slow one but its place. It
    also ends when the process is to end: the client goes on with `Last-Event-ID` at the next one."""
    yield f"retry: {RETRY_MS}\n\n"
    with parts.changes.watch(job_id) as watch:
        while True:
            news = await _news(parts.events, job_id, client, known)
            if news is None:
                yield ": ended: the job is not in the store any more; ask for it to learn why\n\n"
                return
            for event in news.events:
                known = event.number
                yield _line(event)
            if news.done or parts.changes.ending:
                return
            if not news.events and not await watch.changed(heartbeat_s):
                yield ": heartbeat\n\n"


async def _news(log: EventLog, job_id: str, client: str, known: int) -> News | None:
    """None when the job is no longer there. While Redis is away there is no news."""
    with suppress(JobGone, JobNotFound):
        try:
            return await log.after(job_id, client, known)
        except StoreUnavailable:
            await asyncio.sleep(1)  # the next wake-up may have passed already
            return News((), done=False)
    return None


def _line(event: LoggedEvent) -> str:
    return f"id: {event.number}\nevent: {event.name}\ndata: {event.data}\n\n"


def _number(last_event_id: str) -> int:
    text = last_event_id.strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS):
        raise InvalidRequest("Last-Event-ID: must be the number of an event of this stream")
    return int(text)
