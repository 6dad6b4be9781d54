"""What a client says of boards that start from boards: requests for takes, and the calls that are about them alone.

As calls.py, for both clients.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_jsonable_python

from scriptqueue.calls import Id, Jobs
from scriptqueue.errors import JobUnsuccessful
from scriptqueue.protocol import Call, Patience, Send, answered, model
from scriptqueue.responses import CheckedStoryboard, TakeList
from scriptqueue.schemas import Job, Storyboard

BoardLike = Storyboard | Mapping[str, Any]
"""A storyboard, or one as JSON has it; among its scenes None may stand where one is to be written."""


def rewriting(job_id: Id, scenes: Sequence[int], note: str | None) -> dict[str, Any]:
    """A request for these scenes of a job's board, anew."""
    return {"base": {"job": job_id}, "rewrite": [*scenes], **({"note": note} if note is not None else {})}


def editing(board: BoardLike, of: Id | None) -> dict[str, Any]:
    """A request for a board as it was edited."""
    return {"base": {"storyboard": _values(board), **({"job": of} if of is not None else {})}}


def board_of(job: Job) -> Storyboard:
    """Raises `JobUnsuccessful`."""
    if job.result is None:
        raise JobUnsuccessful(job)
    return job.result


def fetch_takes(job_id: Id, patience: Patience) -> Call[Jobs]:
    response = yield from answered(Send("GET", f"/jobs/{job_id}/takes"), patience)
    return model(TakeList, response).takes


def check_board(board: BoardLike, options: Mapping[str, Any], patience: Patience) -> Call[CheckedStoryboard]:
    """Makes nothing, so that it may be repeated without a key."""
    body = json.dumps({**options, "storyboard": _values(board)}, default=to_jsonable_python).encode()
    headers = {"Content-Type": "application/json"}
    response = yield from answered(Send("POST", "/storyboards/check", headers, body), patience)
    return model(CheckedStoryboard, response)


def _values(board: BoardLike) -> Mapping[str, Any]:
    return board.model_dump(mode="json") if isinstance(board, Storyboard) else board
