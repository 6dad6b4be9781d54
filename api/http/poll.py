"""One poll of a job: which version the client knows, and for how long it will wait for another."""

from __future__ import annotations

from inspect import signature
from typing import Any

from fastapi import Request

from api.http.dependencies import JOB_ID
from api.http.keyed_route import Endpoint, KeyedRoute
from api.http.prefer import DESCRIPTION, SCHEMA, wait_s
from shared.store.submissions import Read

_KNOWN = {"description": "the `ETag` that is known: 304 while it stands", "examples": ['W/"3"']}
POLLED: list[dict[str, Any]] = [
    {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string", "title": "Job Id", **JOB_ID}},
    {
        "name": "if-none-match",
        "in": "header",
        "required": False,
        "description": _KNOWN["description"],
        "schema": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "If-None-Match", **_KNOWN},
    },
    {
        "name": "prefer",
        "in": "header",
        "required": False,
        "description": DESCRIPTION,
        "schema": SCHEMA,
    },
]


class RawRoute(KeyedRoute):
    """A route whose endpoint reads the request itself: FastAPI finds and describes it, and solves nothing for it."""

    def get_route_handler(self) -> Endpoint:
        assert len(signature(self.endpoint).parameters) == 1
        return self.with_known_parameters(self.endpoint)


class Poll:
    """`If-None-Match` and `Prefer: wait=N` together. Without a known version, the first one seen is it."""

    def __init__(self, wait_s: int | None, if_none_match: str | None) -> None:
        self.wait_s = wait_s
        self._known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")} - {""}
        self._first: int | None = None

    def knows(self, read: Read) -> bool:
        """Whether the client has this version already: 304."""
        return bool(self._known & {"*", f'"{read.version}"'})

    def answers(self, read: Read) -> bool:
        """Whether this is worth an answer before the wait is over."""
        if self._known:
            return not self.knows(read)
        if self._first is None:
            self._first = read.version
        return read.version != self._first


def poll_of(request: Request) -> Poll:
    """By hand what FastAPI would do from a signature: this is asked more often than all else, and its way costs as much
    as the answer. `POLLED` says so in the API's description."""
    return Poll(wait_s(request.headers.getlist("prefer")), request.headers.get("if-none-match"))


def etag(read: Read) -> str:
    """Weak, for position and ETA are no part of it."""
    return f'W/"{read.version}"'
