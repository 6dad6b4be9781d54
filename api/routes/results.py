"""`/jobs/{id}/result` and `/batches/{id}/result`: boards as JSON and as files in every format that there is.

What a file holds is `shared.board.exports`'; here is how HTTP asks for it and hands it over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, get_args
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, WithJsonSchema

from api.http.accept import preferred
from api.http.body import aside
from api.http.dependencies import BatchId, ClientName, JobId, Parts, TheParts
from api.http.keyed_route import KeyedRoute
from api.http.openapi import errors, headers
from api.http.problems import NotAcceptable
from scriptqueue.schemas import ExportFormat, FrameRate, Job, Storyboard, TargetName
from shared.board.exports.archive import Archive
from shared.board.exports.file_names import UNNAMED, file_name
from shared.board.exports.formats import EXPORTS, Export
from shared.board.unfinished import unfinished
from shared.errors import (
    BatchNotFound,
    InvalidRequest,
    JobGone,
    JobNotFinished,
    JobNotFound,
    NoResult,
    StoreUnavailable,
)

of_jobs = APIRouter(prefix="/jobs", tags=["jobs"], route_class=KeyedRoute)
of_batches = APIRouter(prefix="/batches", tags=["batches"], route_class=KeyedRoute)

ZIP = "application/zip"
DEFAULT_FPS: FrameRate = 24
READ_TOGETHER = 64  # jobs of a batch: a thousand boards at once would be tens of megabytes


def _number(text: Any) -> Any:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 9 else text


FormatName = Annotated[
    ExportFormat | None, Query(description="the format of the file; `Accept` may name it by its media type instead")
]
Fps = Annotated[
    FrameRate | None,
    Query(description=f"frames a second, for the formats that count in them; {DEFAULT_FPS}"),
    BeforeValidator(_number),
]
ForTarget = Annotated[
    TargetName | None, Query(description="the video model that `prompts` are for; see `GET /targets`")
]
Accept = Annotated[
    list[str] | None,
    WithJsonSchema({"type": "string", "title": "Accept", "examples": ["text/csv"]}),  # any text, for none is malformed
    Header(description="which format, by its media type, where `format` names none"),
]
_FILE = headers(Content_Disposition="with `format`: its name, from the board's title", Vary="Accept")
_FILES: dict[str, Any] = {
    row.media_type: {"schema": {"type": "object" if row.media_type.endswith("json") else "string"}}
    for row in EXPORTS.values()
    if row.name != "json"
}


@of_jobs.get(
    "/{job_id}/result",
    response_model=Storyboard,
    responses={
        200: {"content": _FILES, "headers": _FILE},
        **errors(
            *(JobNotFound, JobGone, StoreUnavailable, JobNotFinished, NoResult),
            *(InvalidRequest, NotAcceptable),
        ),
    },
)
async def result(  # noqa: PLR0913, PLR0917
    job_id: JobId,
    client: ClientName,
    parts: TheParts,
    response: Response,
    format: FormatName = None,
    fps: Fps = None,
    target: ForTarget = None,
    accept: Accept = None,
) -> Any:
    """The bare storyboard; with `format`, or by the `Accept` header, as a file for spreadsheets, players, editors. Of a
    job that ended without a storyboard, such a file has the scenes that were finished."""
    media_types = [row.media_type for row in EXPORTS.values()]
    if format is None and (wanted := preferred(accept or [], media_types)) is None:
        raise NotAcceptable(f"There is a board as {', '.join(media_types)}")
    row = EXPORTS[format] if format else next(row for row in EXPORTS.values() if row.media_type == wanted)
    given = _given(row, fps, target)
    job = (await parts.submissions.read(job_id, client)).job
    response.headers["Vary"] = "Accept"
    if format is None and row.name == "json":
        return _board_of(job)
    if job.done and job.result is None and job.scenes:
        board = unfinished(job.scenes, await parts.submissions.request(job_id, client))
        name = f"{board.title} (unfinished)"
    else:
        board = _board_of(job)
        name = board.title
    file = _file(file_name(name), row.ending, row.media_type, await aside(row.content, board, given))
    file.headers["Vary"] = "Accept"
    return file


@of_batches.get(
    "/{batch_id}/result",
    name="result",
    response_class=Response,
    responses={
        200: {
            "description": "A file for each job that has a board, and the names of those that have none",
            "content": {ZIP: {"schema": {"type": "string"}}},
            "headers": headers(Content_Disposition="its name"),
        },
        **errors(BatchNotFound, StoreUnavailable, JobNotFinished, NoResult, InvalidRequest),
    },
)
async def results(  # noqa: PLR0913, PLR0917
    batch_id: BatchId,
    client: ClientName,
    parts: TheParts,
    format: FormatName = None,
    fps: Fps = None,
    target: ForTarget = None,
) -> Response:
    """The boards of a batch as one zip: when it is done, each as a file, numbered as in the request."""
    row = EXPORTS[format or "json"]
    given = _given(row, fps, target)
    batch = await parts.submissions.batch(batch_id, client)
    if waiting := sum(status in {"queued", "running", "canceling"} for status in batch.statuses):
        raise JobNotFinished(f"{waiting} of {len(batch.statuses)} jobs of the batch are not done")
    archive = Archive()
    for first in range(0, len(batch.job_ids), READ_TOGETHER):
        ids = batch.job_ids[first : first + READ_TOGETHER]
        found = await asyncio.gather(*(_found(parts, job_id, client) for job_id in ids))
        await aside(_pack, archive, first + 1, list(zip(ids, found, strict=True)), row, given)
    if not archive.boards:
        raise NoResult("No job of the batch has a storyboard")
    return _file(f"{UNNAMED}s {batch_id[:8]}", "zip", ZIP, await aside(archive.content))


def _given(row: Export, fps: FrameRate | None, target: TargetName | None) -> dict[str, Any]:
    """What the format takes; raises for a parameter that would change nothing, and for a target that is left out."""
    for name, value in (("fps", fps), ("target", target)):
        if value is not None and name not in row.takes:
            takers = [*_takers(name)]
            words = f"{row.name} takes none; {', '.join(takers)} {'do' if len(takers) > 1 else 'does'}"
            raise RequestValidationError([{"type": "not_taken", "msg": words, "loc": ("query", name)}])
    if target is None and "target" in row.takes:
        words = f"{row.name} are for a video model: {', '.join(get_args(TargetName))}"
        raise RequestValidationError([{"type": "missing", "msg": words, "loc": ("query", "target")}])
    return {"fps": fps or DEFAULT_FPS, "target": target}


def _takers(parameter: str) -> Iterator[str]:
    return (row.name for row in EXPORTS.values() if parameter in row.takes)


def _board_of(job: Job) -> Storyboard:
    if not job.done:
        raise JobNotFinished(f"The job is {job.status}")
    if job.result is None:
        raise NoResult(f"The job is {job.status}" + (f": {job.error.detail}" if job.error else ""))
    return job.result


async def _found(parts: Parts, job_id: str, client: str) -> Storyboard | JobGone | NoResult:
    """A job of the batch may have been deleted since."""
    try:
        return _board_of((await parts.submissions.read(job_id, client)).job)
    except (JobGone, JobNotFound, NoResult) as error:
        return error if isinstance(error, NoResult) else JobGone()


def _pack(
    archive: Archive,
    first: int,
    found: list[tuple[str, Storyboard | JobGone | NoResult]],
    row: Export,
    given: dict[str, Any],
) -> None:
    for place, (job_id, board) in enumerate(found, start=first):
        if isinstance(board, Storyboard):
            archive.add(place, board.title, row.ending, row.content(board, given))
        else:
            archive.lack(place, f"{job_id} {board.detail}")


def _file(name: str, extension: str, media_type: str, content: bytes) -> Response:
    """Old clients take the name in ASCII, all others the one that RFC 8187 writes."""
    plain = f"{UNNAMED}.{extension}"
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(f'{name}.{extension}', safe='')}"
    return Response(content, headers={"Content-Disposition": disposition}, media_type=media_type)
