"""Connections to receivers: a name is looked up once, what it leads to is checked, and exactly that is connected to.

So a name cannot point at a public address while it is checked and at ours while it is used. Knows addresses and
sockets; TLS and the Host header keep the name, for httpcore sees to both above this.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import anyio
import httpcore
from anyio import CapacityLimiter, to_thread

from shared.addresses import refused

Resolve = Callable[[str, int], Awaitable[list[str]]]

MAX_ADDRESSES = 4  # of one name are tried
CONNECT_S = 5.0  # for one of them
MAX_LOOKUPS = 256  # threads: a lookup hangs longer than its try, and must not keep others waiting


class NameNotResolved(Exception):
    """The name leads nowhere."""


class AddressRefused(Exception):
    """The name leads, also, to an address that no webhook may reach."""


class Resolver:
    """The system's own, in threads."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(MAX_LOOKUPS)

    async def __call__(self, host: str, port: int) -> list[str]:
        def look_up() -> list[str]:
            return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        return await to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=self._threads)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """What an httpcore pool connects with, for one try; `address`: where the name led, the first of several."""

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self.address: str | None = None
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `NameNotResolved` and `AddressRefused` besides what httpcore raises."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise NameNotResolved from error
        if not addresses:
            raise NameNotResolved
        if not self._allow_private and any(refused(address) for address in addresses):
            raise AddressRefused
        self.address = addresses[0]
        *others, last = list(dict.fromkeys(addresses))[:MAX_ADDRESSES]
        for address in others:
            try:
                return await self._sockets.connect_tcp(address, port, CONNECT_S, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._sockets.connect_tcp(last, port, CONNECT_S, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)
