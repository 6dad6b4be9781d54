"""`/jobs/{id}/takes` and `/storyboards/check`: what belongs together, and whether a board is valid.

Both work while no worker lives. What is valid is shared/board's.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, JsonValue, ValidationError, create_model
from pydantic.fields import FieldInfo

from api.http.body import JsonRoute, aside, in_the_body
from api.http.dependencies import ClientName, JobId, TheParts
from api.http.keyed_route import KeyedRoute
from api.http.listing import JobFields, included_in
from api.http.openapi import errors
from api.routes.jobs import BOARD_BYTES, EXISTING, UNREAD
from scriptqueue.responses import CheckedStoryboard, TakeList
from scriptqueue.schemas import JobRequest, StrictShape
from shared.board.check import checked, request_of_board
from shared.errors import InvalidRequest, OutputInvalid
from shared.repair_codes import ONLY_TELL, all_coded

of_takes = APIRouter(prefix="/jobs", tags=["jobs"], route_class=KeyedRoute)


def _limited(field: FieldInfo) -> Any:
    """Its type, with its limits."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


# Of a request all that a board can be held to.
HELD_TO = (
    *("min_scenes", "max_scenes", "scene_min_s", "scene_max_s", "target_duration_s", "language", "fields"),
    *("characters", "style", "aspect_ratio", "targets", "quality_keywords"),
)
_FIELDS: dict[str, Any] = {name: (_limited(JobRequest.model_fields[name]), None) for name in HELD_TO}
StoryboardCheck = create_model(
    "StoryboardCheck",
    __base__=StrictShape,
    __doc__="A board, and what it is held to; what is left out, the board itself says.",
    storyboard=(dict[str, JsonValue], Field(description="as `result` has it; what is computed is ignored")),
    **_FIELDS,
)


@of_takes.get("/{job_id}/takes", response_model=TakeList, responses=errors(*EXISTING, InvalidRequest))
async def takes(job_id: JobId, client: ClientName, parts: TheParts, fields: JobFields = None) -> Response:
    """The takes of a board, the oldest first: the jobs that start from one another's boards, this one among them; of
    very many the first and the last 499."""
    found = TakeList(takes=await parts.takes.list(job_id, client))
    return Response(
        found.model_dump_json(include=included_in("takes", fields) if fields else None), media_type="application/json"
    )


class _CheckRoute(JsonRoute):
    limit_bytes: ClassVar[int] = BOARD_BYTES


boards = APIRouter(prefix="/storyboards", tags=["storyboards"], route_class=_CheckRoute)


@boards.post("/check", responses=errors(*UNREAD, InvalidRequest))
async def check(request: StoryboardCheck, client: ClientName) -> CheckedStoryboard:
    """A board as it would be valid, mended where that can be; fields as in a request say what it is held to."""
    value = request.model_dump(exclude_unset=True)
    return await aside(_checked, value.pop("storyboard"), value)


def _checked(board: dict[str, Any], wanted: dict[str, Any]) -> CheckedStoryboard:
    try:
        found, repairs = checked(board, request_of_board(board, wanted))
    except ValidationError as error:
        raise RequestValidationError(in_the_body(error), body={"storyboard": board, **wanted}) from None
    except OutputInvalid as error:
        fault = {"type": error.code, "loc": ("body", "storyboard", "scenes"), "msg": error.detail}
        raise RequestValidationError([fault], body={"storyboard": board}) from None
    codes = all_coded(repairs)
    mended = any(repair.code not in ONLY_TELL for repair in codes)
    return CheckedStoryboard(storyboard=found, mended=mended, repairs=repairs, repair_codes=codes)
