"""Connections that follow the primary: one whose server turns out to take no writes is dropped, and the next is made to
whoever holds the address, or is named by the Sentinels, by then.

Of every kind of connection there is: the store's for threads and for loops, Celery's, subscriptions. Knows what a
server answers that is no primary; not what was sent to it.
"""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio
from redis.connection import AbstractConnection
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    MasterDownError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from shared.redis_address import RedisAddress

SENTINEL_S = 0.5  # so long may one Sentinel take, before the next is asked
# redis-py has no class for these: too few replicas follow; it was demoted while it kept us waiting.
_NO_CLASS = ("NOREPLICAS", "UNBLOCKED")
_NO_PRIMARY = (ReadOnlyError, MasterDownError, BusyLoadingError)


class Demoted(ConnectionError):
    """This server takes no writes now. A connection made anew may lead to one that does; why is the cause."""


class NoPrimary(ConnectionError):
    """The Sentinels know the service, and none of them knows a primary of it that is up."""


def is_demotion(error: Exception) -> bool:
    """Whether the server says so that it is not, not yet or no longer a primary that takes writes."""
    return isinstance(error, _NO_PRIMARY) or (isinstance(error, ResponseError) and str(error).startswith(_NO_CLASS))


class Following(AbstractConnection):
    """Before one of the driver's kinds of connections for threads. `finder`: who knows where the primary is."""

    def __init__(self, *arguments: Any, finder: PrimaryFinder | None = None, **options: Any) -> None:
        self.demoted = False  # since its pool looked last
        self._finder = finder
        super().__init__(*arguments, **options)

    def connect_check_health(self, *arguments: Any, **options: Any) -> Any:
        if self._finder and not self.is_connected:
            self.host, self.port = self._finder.primary()
        return super().connect_check_health(*arguments, **options)

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().read_response(*arguments, **options)
        except (ResponseError, BusyLoadingError) as error:
            if not is_demotion(error):
                raise
            self.demoted = True
            self.disconnect()  # type: ignore[no-untyped-call]
            raise Demoted("not a primary that takes writes") from error


def following(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """The driver's kind of connection, following the primary."""
    return type(kind.__name__, (Following, kind), {})


class PrimaryFinder:
    """Asks the Sentinels of an address, for threads. A Sentinel that answered is asked first the next time."""

    def __init__(self, address: RedisAddress) -> None:
        self._service = address.service
        self._clients = [redis.Redis(**options) for options in address.sentinel_connections(SENTINEL_S)]

    def primary(self) -> tuple[str, int]:
        """Host and port; raises `NoPrimary`, or what the last Sentinel answered or met."""
        fault: Exception | None = None
        for client in list(self._clients):
            try:
                found = _primary_in(client.sentinel_master(self._service, return_responses=True))
            except (RedisError, OSError) as error:
                fault = _worse(fault, error)
                continue
            _first(self._clients, client)
            if found:
                return found
            fault = _worse(fault, NoPrimary(f"no primary of {self._service} is up"))
        raise fault or NoPrimary("no Sentinel is named")

    def close(self) -> None:
        for client in self._clients:
            client.close()


class LoopFinder:
    """The same for one event loop."""

    def __init__(self, address: RedisAddress) -> None:
        self._service = address.service
        self._clients = [redis.asyncio.Redis(**options) for options in address.sentinel_connections(SENTINEL_S)]

    async def primary(self) -> tuple[str, int]:
        """Host and port; raises as `PrimaryFinder.primary`."""
        fault: Exception | None = None
        for client in list(self._clients):
            try:
                found = _primary_in(await client.sentinel_master(self._service, return_responses=True))
            except (RedisError, OSError) as error:
                fault = _worse(fault, error)
                continue
            _first(self._clients, client)
            if found:
                return found
            fault = _worse(fault, NoPrimary(f"no primary of {self._service} is up"))
        raise fault or NoPrimary("no Sentinel is named")

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def _primary_in(state: Any) -> tuple[str, int] | None:
    """Of what a Sentinel says of a service."""
    up = state["is_master"] and not state["is_sdown"] and not state["is_odown"]
    return (str(state["ip"]), int(state["port"])) if up else None


def _worse(before: Exception | None, now: Exception) -> Exception:
    """Of two faults, the one that says more: that a primary is missing, then what a Sentinel answered."""
    if before is None or isinstance(now, NoPrimary):
        return now
    return before if isinstance(before, NoPrimary | ResponseError) else now


def _first(clients: list[Any], client: Any) -> None:
    clients[:] = [client, *(other for other in clients if other is not client)]
