"""Connections that follow the primary: one whose server turns out to take no writes is dropped, and the next is made to
whoever holds the address, or is named by the Sentinels, by then.

Of every kind of connection there is: the store's for threads and for loops, Celery's, subscriptions. Knows what a
server answers that is no primary; not what was sent to it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Event, Thread
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

ASK_EVERY_S = 1.0
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


def has_moved(connection: Any, finder: _Finder | None) -> bool:
    """Whether this connection is open, and to another server than the Sentinels name by now."""
    return finder is not None and connection.is_connected and (connection.host, connection.port) != finder.latest


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

    def send_packed_command(self, *arguments: Any, **options: Any) -> Any:
        if has_moved(self, self._finder):
            self.demoted = True
            self.disconnect()  # type: ignore[no-untyped-call]
            raise Demoted("the Sentinels name another primary")
        return super().send_packed_command(*arguments, **options)  # type: ignore[no-untyped-call]

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


class _Finder:
    """`latest`: where the primary was found the last time; Sentinels name another while the old one still takes writes,
    which are lost. A Sentinel that answered is asked first the next time."""

    def __init__(self, address: RedisAddress) -> None:
        self.latest: tuple[str, int] | None = None
        self._service = address.service
        self._options = address.sentinel_connections(SENTINEL_S)

    def _found(self, clients: list[Any], client: Any, state: Any) -> tuple[str, int] | None:
        clients[:] = [client, *(other for other in clients if other is not client)]
        up = state["is_master"] and not state["is_sdown"] and not state["is_odown"]
        self.latest = (str(state["ip"]), int(state["port"])) if up else self.latest
        return self.latest if up else None


class PrimaryFinder(_Finder):
    """Asks the Sentinels of an address, for threads; from the first time on once a second."""

    def __init__(self, address: RedisAddress) -> None:
        super().__init__(address)
        self._clients = [redis.Redis(**options) for options in self._options]
        self._closed = Event()
        self._watch = Thread(target=self._keep_asking, name="sentinels", daemon=True)

    def primary(self) -> tuple[str, int]:
        """Host and port; raises `NoPrimary`, or what a Sentinel answered or met."""
        found = self._ask()
        with suppress(RuntimeError):  # it was started before
            self._watch.start()
        return found

    def close(self) -> None:
        self._closed.set()
        for client in self._clients:
            client.close()

    def _ask(self) -> tuple[str, int]:
        fault: Exception | None = None
        for client in list(self._clients):
            try:
                state = client.sentinel_master(self._service, return_responses=True)
            except (RedisError, OSError) as error:
                fault = _worse(fault, error)
                continue
            if found := self._found(self._clients, client, state):
                return found
            fault = _worse(fault, NoPrimary(f"no primary of {self._service} is up"))
        raise fault or NoPrimary("no Sentinel is named")

    def _keep_asking(self) -> None:
        while not self._closed.wait(ASK_EVERY_S):
            with suppress(RedisError, OSError):
                self._ask()


class LoopFinder(_Finder):
    """The same for one event loop."""

    def __init__(self, address: RedisAddress) -> None:
        super().__init__(address)
        self._clients = [redis.asyncio.Redis(**options) for options in self._options]
        self._watch: asyncio.Task[None] | None = None

    async def primary(self) -> tuple[str, int]:
        """Host and port; raises as `PrimaryFinder.primary`."""
        found = await self._ask()
        self._watch = self._watch or asyncio.create_task(self._keep_asking())
        return found

    async def steady(self, primary: tuple[str, int] | None, acks: int) -> bool:
        """Whether what this primary wrote, and so many replicas have, is kept by whoever is promoted next.

        All replicas have it; or no Sentinel has begun a failover yet: one that has, has promoted a replica that may
        lack it, while the others go on following the old primary and say that they have it.
        """
        questions = (client.sentinel_master(self._service, return_responses=True) for client in self._clients)
        answers = await asyncio.gather(*questions, return_exceptions=True)
        states = [state for state in answers if isinstance(state, dict)]
        if states and acks >= max(state["num-slaves"] for state in states):
            return True
        return len(states) == len(answers) and all(
            (state["ip"], state["port"]) == primary and "failover_in_progress" not in state["flags"] for state in states
        )

    async def close(self) -> None:
        if self._watch:
            self._watch.cancel()
        for client in self._clients:
            await client.aclose()

    async def _ask(self) -> tuple[str, int]:
        fault: Exception | None = None
        for client in list(self._clients):
            try:
                state = await client.sentinel_master(self._service, return_responses=True)
            except (RedisError, OSError) as error:
                fault = _worse(fault, error)
                continue
            if found := self._found(self._clients, client, state):
                return found
            fault = _worse(fault, NoPrimary(f"no primary of {self._service} is up"))
        raise fault or NoPrimary("no Sentinel is named")

    async def _keep_asking(self) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            with suppress(RedisError, OSError):
                await self._ask()


def _worse(before: Exception | None, now: Exception) -> Exception:
    """Of two faults, the one that says more: that a primary is missing, then what a Sentinel answered."""
    if before is None or isinstance(now, NoPrimary):
        return now
    return before if isinstance(before, NoPrimary | ResponseError) else now
