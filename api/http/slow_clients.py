"""Connections that hold on without getting on: no whole request header, or nothing taken of an answer. They are closed.

uvicorn waits for both for ever, and each such connection costs a file descriptor until none is left for others. Knows
uvicorn's HTTP protocols; not what is asked. A body that dribbles is body.py's.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_S = 10.0  # until a request's header is complete, from the connection or from the answer before
TAKING_S = 60.0  # without a byte being taken of an answer
EVERY_S = 1.0


def watch_connections() -> None:
    """Once, for every connection that this process accepts from now on: uvicorn's command takes no protocol of ours."""
    for protocol in (H11Protocol, HttpToolsProtocol):
        protocol.connection_made = _watched(protocol.connection_made)  # type: ignore[method-assign]


def _watched(connection_made: Any) -> Any:
    def connected(protocol: Any, transport: Any) -> None:
        connection_made(protocol, transport)
        _Watch(protocol).look()

    return connected


class _Watch:
    """Looks at one connection once a second, as long as it is open."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._seen: Any = None
        self._since_s = 0.0

    def look(self) -> None:
        protocol, now_s = self._protocol, self._protocol.loop.time()
        if protocol not in protocol.connections:  # it is lost
            return
        untaken = protocol.transport.get_write_buffer_size()
        idle = protocol.cycle is None or protocol.cycle.response_complete
        limit_s = TAKING_S if untaken else HEADER_S if idle else None
        seen = (limit_s, untaken, protocol.cycle)
        if seen != self._seen:
            self._seen, self._since_s = seen, now_s
        elif limit_s is not None and now_s - self._since_s > limit_s:
            protocol.transport.abort()
            return
        protocol.loop.call_later(EVERY_S, self.look)
