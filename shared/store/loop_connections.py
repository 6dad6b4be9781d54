"""The driver's connections of an event loop, sending at less cost: commands are packed in C, as its connections for
threads do, and nobody waits for what needs no waiting.

The driver packs in Python here, and writes in a task of its own, which takes a turn of the loop. Knows connections;
not what is sent over them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.connection import HiredisRespSerializer

_SERIALIZER = HiredisRespSerializer()


class _Quick(AbstractConnection):
    """Before one of the driver's kinds of connections."""

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = _SERIALIZER.pack(*args)
        return packed

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """The driver waits, within its limit of time, for a connection and for room; here there mostly are both."""
        writer = self._writer
        if writer and not isinstance(command, (bytes, str)) and not self.health_check_interval:
            transport = writer.transport
            if not transport.is_closing():
                transport.writelines(command)
                if transport.get_write_buffer_size() <= transport.get_write_buffer_limits()[1]:
                    return
                command = []  # it is written; only its being taken is waited for
        await super().send_packed_command(command, check_health)


class Connection(_Quick, redis.asyncio.Connection):
    """Over TCP."""


class SSLConnection(_Quick, redis.asyncio.SSLConnection):
    """Over TLS."""


class UnixDomainSocketConnection(_Quick, redis.asyncio.UnixDomainSocketConnection):
    """Over a socket in the file system."""
