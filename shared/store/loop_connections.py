"""The driver's connections of an event loop, sending at less cost: commands are packed in C, as its connections for
threads do, and nobody waits for what needs no waiting. They follow the primary, as those for threads do.

The driver packs in Python here, and writes in a task of its own. Knows connections; not what is sent over them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.connection import HiredisRespSerializer
from redis.exceptions import BusyLoadingError, ResponseError

from shared.redis_primary import Demoted, LoopFinder, has_moved, is_demotion

_SERIALIZER = HiredisRespSerializer()


@dataclass
class Openings:
    """How many connections of a pool were ever opened: each may lead to another server than those before."""

    count: int = 0


class _Quick(AbstractConnection):
    """Before one of the driver's kinds of connections. `finder`: who knows where the primary is."""

    def __init__(
        self,
        *arguments: Any,
        openings: Openings | None = None,
        finder: LoopFinder | None = None,
        **options: Any,
    ) -> None:
        self._openings = openings or Openings()
        self.demoted = False  # since its pool looked last
        self._finder = finder
        super().__init__(*arguments, **options)

    async def connect_check_health(self, *arguments: Any, **options: Any) -> Any:
        if self._finder and not self.is_connected:
            self.host, self.port = await self._finder.primary()
        self._openings.count += not self.is_connected
        return await super().connect_check_health(*arguments, **options)

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*arguments, **options)
        except (ResponseError, BusyLoadingError) as error:
            if not is_demotion(error):
                raise
            self.demoted = True
            await self.disconnect(nowait=True)
            raise Demoted("not a primary that takes writes") from error

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = _SERIALIZER.pack(*args)
        return packed

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """The driver waits, within its limit of time, for a connection and for room; here there mostly are both."""
        if self._finder and has_moved(self, self._finder):
            self.demoted = True
            await self.disconnect(nowait=True)
            raise Demoted("the Sentinels name another primary")
        writer = self._writer
        if writer and not isinstance(command, (bytes, str)) and not self.health_check_interval:
            pieces, transport = list(command), writer.transport
            room = transport.get_write_buffer_limits()[1] - transport.get_write_buffer_size()
            if sum(map(len, pieces)) <= room:
                # With those of the other requests of this turn: one by one, each would wake Redis.
                asyncio.get_running_loop().call_soon(_write, transport, pieces)
                return
            command = pieces
            await asyncio.sleep(0)  # what was given before is written before
        await super().send_packed_command(command, check_health)


def _write(transport: asyncio.WriteTransport, pieces: list[bytes]) -> None:
    """Nothing to one that was lost meanwhile, which its reader tells."""
    if not transport.is_closing():
        transport.writelines(pieces)


class Connection(_Quick, redis.asyncio.Connection):
    """Over TCP."""


class SSLConnection(_Quick, redis.asyncio.SSLConnection):
    """Over TLS."""


class UnixDomainSocketConnection(_Quick, redis.asyncio.UnixDomainSocketConnection):
    """Over a socket in the file system."""
