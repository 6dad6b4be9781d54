"""Connections that hold on without getting on: no whole request header, or nothing taken of an answer. They are closed.

uvicorn waits for both for ever, and each such connection costs a file descriptor until none is left for others. Knows
uvicorn's HTTP protocols; not what is asked. A body that dribbles is body.py's, a connection that is kept open between
two requests is uvicorn's (`--timeout-keep-alive`). Once the process is to end, nobody is waited for that long.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_S = 10.0  # until a request's header is complete, from the connection or from the header's first byte
TAKING_S = 60.0  # without a byte being taken of an answer
LEAVING_S = 2.0  # for what a client still owes or has not taken when the process is to end
EVERY_S = 1.0
STOP_WAITING = "stop_waiting"  # in the state of the application's life: ends what waits for news


def watch_connections() -> None:
    """Once, for every connection that this process accepts from now on: uvicorn's command takes no protocol of ours."""
    for protocol in (H11Protocol, HttpToolsProtocol):
        protocol.connection_made = _watched(protocol.connection_made)  # type: ignore[method-assign]
        protocol.shutdown = _ending(protocol.shutdown)  # type: ignore[method-assign]


def _watched(connection_made: Any) -> Any:
    def connected(protocol: Any, transport: Any) -> None:
        connection_made(protocol, transport)
        _Watch(protocol).look()

    return connected


def _ending(shutdown: Any) -> Any:
    """uvicorn calls it for each connection when the process is to end, and then waits for them all."""

    def shut_down(protocol: Any) -> None:
        protocol.app_state[STOP_WAITING]()
        shutdown(protocol)
        protocol.loop.call_later(LEAVING_S, _leave, protocol)

    return shut_down


def _leave(protocol: Any) -> None:
    """An answer that is still being made is waited for."""
    cycle = protocol.cycle
    if protocol in protocol.connections and (cycle.more_body or protocol.transport.get_write_buffer_size()):
        protocol.transport.abort()
    elif protocol in protocol.connections:
        protocol.loop.call_later(LEAVING_S, _leave, protocol)


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
        waits_for_header = idle and protocol.timeout_keep_alive_task is None  # else nothing of it has come yet
        limit_s = TAKING_S if untaken else HEADER_S if waits_for_header else None
        seen = (limit_s, untaken, protocol.cycle)
        if seen != self._seen:
            self._seen, self._since_s = seen, now_s
        elif limit_s is not None and now_s - self._since_s > limit_s:
            protocol.transport.abort()
            return
        protocol.loop.call_later(EVERY_S, self.look)
