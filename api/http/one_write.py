"""Head and body of an answer in one write. uvicorn's httptools protocol writes them apart: twice the system calls, and
whoever reads is woken twice.

Knows uvicorn's protocol; not what is asked. A stream's head, which has no length, goes out at once as ever.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def write_at_once() -> None:
    """Once, for every answer of this process."""
    RequestResponseCycle.send = joined(RequestResponseCycle.send)  # type: ignore[method-assign]


def joined(send: Any) -> Any:
    def sendjoined(cycle: Any, message: Any) -> Any:  # no coroutine of its own: every answer passes here twice
        if message["type"] == "http.response.start" and _has_body(cycle, message):
            cycle.transport = _Joining(cycle)
        return send(cycle, message)

    return sendjoined


def _has_body(cycle: Any, message: Any) -> bool:
    """Only what has a length is sure to follow; to HEAD nothing does."""
    if cycle.response_started or cycle.scope["method"] == "HEAD":
        return False
    return any(name == b"content-length" for name, _ in message.get("headers", ()))


class _Joining:
    """The transport of one answer until its second write; whatever else is wanted of it, the head goes first."""

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            self._cycle.transport = self._transport
            self._transport.write(self._head + data)
        self._head = data if not self._head else b""

    def __getattr__(self, name: str) -> Any:
        if self._head:
            self.write(b"")
        return getattr(self._transport, name)
