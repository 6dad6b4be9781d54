"""A request that starts from a board, as it comes in: its base is read, and the whole request is what is queued.

How a request inherits is shared/board/rebase.py's; here is where the base comes from, and how faults are told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.http.body import aside, in_the_body
from api.http.dependencies import Parts
from scriptqueue.schemas import Base, JobRequest
from shared.board.rebase import BoardFault, Origin, rebased, standing
from shared.repair_codes import coded


def is_based(value: Any) -> bool:
    return isinstance(value, dict) and value.get("base") is not None


async def whole_request(value: dict[str, Any], client: str, parts: Parts) -> JobRequest:
    """Raises `RequestValidationError`, and for a job that cannot be started from `JobNotFound`, `JobGone`,
    `JobNotFinished` and `NoResult`."""
    try:
        base = Base.model_validate(value["base"])
    except ValidationError as error:
        raise RequestValidationError(in_the_body(error, "base"), body=value) from None
    origin = Origin(*await parts.takes.origin(str(base.job), client)) if base.job else None
    return await aside(_whole, value, base, origin)


def _whole(value: dict[str, Any], base: Base, origin: Origin | None) -> JobRequest:
    found = rebased(value, base, origin)
    if isinstance(found, list):
        raise RequestValidationError(_as_errors(found), body=value)
    try:
        request = JobRequest.model_validate(found.values)
    except ValidationError as error:
        raise RequestValidationError(_of_board(in_the_body(error), found.of_board), body=value) from None
    whole = standing(request)
    if isinstance(whole, list):
        raise RequestValidationError(_as_errors(whole), body=value)
    return whole


def _as_errors(faults: Iterable[BoardFault]) -> list[dict[str, Any]]:
    return [
        {"type": fault.code, "loc": ("body", *fault.at), "msg": fault.words, "ctx": coded(fault.words).values}
        for fault in faults
    ]


def _of_board(errors: list[dict[str, Any]], names: Collection[str]) -> list[dict[str, Any]]:
    """What came from the given board is at fault there."""
    at_board = ("body", "base", "storyboard")
    return [
        {**error, "loc": (*at_board, *error["loc"][1:])} if error["loc"][1:2] and error["loc"][1] in names else error
        for error in errors
    ]
