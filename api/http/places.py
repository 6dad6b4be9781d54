"""What one client may hold open at a time, so that there is room for the others: streams, and large bodies.

Knows clients as texts; not what they are (`Parts.neighbour` says) nor what they hold open for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address
from weakref import WeakValueDictionary

from shared.errors import TooManyStreams


class Streams:
    """Event streams and long polls: above its limit a client is refused."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """Raises `TooManyStreams`."""
        if self._open[client] >= self._limit:
            raise TooManyStreams(f"You have {self._limit} event streams and long polls open; more are not taken")
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]


class Turns:
    """Large bodies: a client's next one is not read until one of those before it is done with."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # until nobody holds or waits

    def of(self, client: str) -> asyncio.Semaphore:
        """To be held as long as the body is."""
        turns = self._of.get(client) or asyncio.Semaphore(self._at_once)
        self._of[client] = turns
        return turns


@lru_cache(1024)
def network_of(address: str) -> str:
    """Whom an address belongs to: itself, or for IPv6 the network of which one customer has the whole (/64)."""
    try:
        ip = ip_address(address)
    except ValueError:  # of a Unix socket, or what a proxy made of it
        return address
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((int(ip), 64), strict=False))
