"""Which page of the jobs is asked for: status, limit, cursor. Knows the query string only."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Query

from scriptqueue.schemas import Status
from shared.errors import InvalidRequest

MAX_LIMIT = 100
_CURSOR = re.compile(r"[1-9][0-9]{0,14}")


class Listing:
    """Raises `InvalidRequest` for a cursor that no page gave."""

    def __init__(self, status: Status | None, limit: int, cursor: str | None) -> None:
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise InvalidRequest("cursor must be the `next` of a page")
        self.status = status
        self.limit = limit
        self.cursor = int(cursor) if cursor else None


async def _listing(
    status: Annotated[Status | None, Query(description="only jobs that are in this state now")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 20,
    cursor: Annotated[
        str | None,
        Query(
            description="`next` of the page before",
            json_schema_extra={"pattern": f"^{_CURSOR.pattern}$"},
            examples=["17"],
        ),
    ] = None,
) -> Listing:
    return Listing(status, limit, cursor)


TheListing = Annotated[Listing, Depends(_listing)]
