"""Which page of the jobs is asked for: status, limit, cursor. Knows the query string only."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Query

from scriptqueue.schemas import Job, Status
from shared.errors import InvalidRequest

MAX_LIMIT = 100
_CURSOR = re.compile(r"[1-9][0-9]{0,14}")


class Listing:
    """Raises `InvalidRequest` for a cursor that no page gave."""

    def __init__(
        self, status: Status | None, limit: int, cursor: str | None, included: Any = None, *, counts: bool = False
    ) -> None:
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise InvalidRequest("cursor must be the `next` of a page")
        self.status = status
        self.limit = limit
        self.cursor = int(cursor) if cursor else None
        self.included = included  # of the list, as pydantic has it
        self.counts = counts


JobFields = Annotated[
    str | None,
    Query(
        description="names of a job's fields, with commas: only these, besides those that every job has. A result "
        "holds its scenes; `scenes` beside it says them twice",
        examples=["result,prompt_start"],
    ),
]
_ALWAYS = frozenset(name for name, field in Job.model_fields.items() if field.is_required())


def included_in(jobs: str, fields: str) -> dict[str, Any]:
    """Of an answer that holds jobs under this name: what pydantic is to write. Raises `InvalidRequest`."""
    names = {name.strip() for name in fields.split(",")} - {""}
    if unknown := sorted(names - Job.model_fields.keys()):
        raise InvalidRequest(f"fields: {unknown[0][:40]!r} is no field of a job")
    return {jobs: {"__all__": names | _ALWAYS}}


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
    fields: JobFields = None,
    counts: Annotated[bool, Query(description="also tell how many of your jobs are in each state")] = False,
) -> Listing:
    included = included_in("jobs", fields) | {"next": True, "counts": True} if fields else None
    return Listing(status, limit, cursor, included, counts=counts)


TheListing = Annotated[Listing, Depends(_listing)]
