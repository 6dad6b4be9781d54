"""How many connections one process holds, and whose go first when there are too many.

A connection is a file descriptor, and so is what the process needs itself: Redis, files, the answer to the next
client. uvicorn takes connections until none is left; uvloop then closes new ones without a word. Here some
descriptors are kept back, and a newcomer beyond the others is let in at the expense of whoever holds the most. Knows
uvicorn's HTTP protocols; not what is asked. Connections that stall are slow_clients.py's.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import sys
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.places import network_of

log = logging.getLogger(__name__)

KEPT_BACK = 64  # Redis takes up to 32; then the listening socket, logs, and connections taken in one go
MAX_OPEN = 16_384  # descriptors may be without end, memory is not: an idle connection takes some 20 kB
LEAST = 16
LOG_EVERY_S = 60.0
LOOK_EVERY_S = 1.0


def raise_descriptor_limit() -> int:
    """The soft limit as high as the hard one allows and as there is use for; returns how many there are then."""
    soft, hard = (
        sys.maxsize if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    wanted = min(hard, MAX_OPEN + KEPT_BACK)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return max(soft, wanted)


def bound_connections(descriptors: int) -> None:
    """Once, for every connection that this process takes from now on."""
    room = Room(min(MAX_OPEN, max(LEAST, descriptors - KEPT_BACK)))
    for protocol in (H11Protocol, HttpToolsProtocol):
        protocol.connection_made = room.noting_arrivals(protocol.connection_made)  # type: ignore[method-assign]
        protocol.connection_lost = room.noting_departures(protocol.connection_lost)  # type: ignore[method-assign]


class Room:
    """The open connections by the address at their other end, oldest first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._of: dict[str, dict[Any, None]] = {}
        self._count = 0
        self._seldom = Seldom()

    def noting_arrivals(self, connection_made: Any) -> Any:
        def connected(protocol: Any, transport: Any) -> None:
            connection_made(protocol, transport)
            self._of.setdefault(_address(protocol), {})[protocol] = None
            self._count += 1
            if self._count > self._limit:
                self._make_room()

        return connected

    def noting_departures(self, connection_lost: Any) -> Any:
        def lost(protocol: Any, error: Exception | None) -> None:
            connection_lost(protocol, error)
            self._forget(protocol)

        return lost

    def _make_room(self) -> None:
        """Of the address with the most: its oldest idle one, or, if all are busy, the one that came last."""
        address, theirs = max(self._of.items(), key=lambda item: len(item[1]))
        if self._seldom.due():
            log.warning(
                "%d connections are open, as many as there is room for (%d are of %s): idle ones are closed",
                *(self._limit, len(theirs), address or "no address"),
            )
        protocol = next(filter(_idle, theirs), None) or next(reversed(theirs))
        self._forget(protocol)
        protocol.transport.abort()

    def _forget(self, protocol: Any) -> None:
        address = _address(protocol)
        theirs = self._of.get(address, {})
        if protocol in theirs:
            del theirs[protocol]
            self._count -= 1
            if not theirs:
                del self._of[address]


class Seldom:
    """Whether a line that would come a thousand times a second is due again."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def due(self) -> bool:
        now_s = time.monotonic()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + LOG_EVERY_S
        return True


async def watch_descriptors() -> None:
    """For ever: says when none is left. A refused connection is seen by nobody here, so one is tried for."""
    seldom = Seldom()
    while True:
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE} and seldom.due():
                log.error("no file descriptor is left (%s): new connections are refused", os.strerror(error.errno))
        await asyncio.sleep(LOOK_EVERY_S)


def _idle(protocol: Any) -> bool:
    return protocol.cycle is None or protocol.cycle.response_complete


def _address(protocol: Any) -> str:
    return network_of(protocol.client[0]) if protocol.client else ""
