"""One poll of a job: which version the client knows, and for how long it will wait for another."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header

from api.dependencies import WaitS
from shared.submissions import Read


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


async def _poll(
    wait_s: WaitS,
    if_none_match: Annotated[
        str | None, Header(description="the `ETag` that is known: 304 while it stands", examples=['W/"3"'])
    ] = None,
) -> Poll:
    return Poll(wait_s, if_none_match)


ThePoll = Annotated[Poll, Depends(_poll)]


def etag(read: Read) -> str:
    """Weak, for position and ETA are no part of it."""
    return f'W/"{read.version}"'
