"""The connections of one process to Redis: open ones serve although no new one can be made.

redis-py's own pools hand out what was given back last, and that is the connection that could not be made, again and
again, while open ones lie below it. A new one may fail for long: Redis at its maxclients, no file descriptor left, a
firewall. Nor does one outlive the day on which its server was demoted: what one connection meets, all of that time are
dropped for. Knows connections; not what is sent over them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import redis
import redis.asyncio
from redis.exceptions import ConnectionError, RedisError

from shared.store import growth
from shared.store.growth import Growth


class ThreadPool(redis.ConnectionPool):
    """For threads. `wait_s`: how long a call may wait for a connection. New ones are made aside: nobody waits for one
    while others come free."""

    def __init__(self, *, wait_s: float, **options: Any) -> None:
        super().__init__(**options)
        self._wait_s = wait_s
        self.demotions = 0  # met so far: a subscription that is older may hear nothing any more
        self._idle: list[Any] = []
        self._busy: set[Any] = set()
        self._outdated: set[Any] = set()  # of the busy ones
        self._freed = threading.Condition()
        self._growth = Growth(self.max_connections)

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> redis.Connection:
        """One that is open."""
        until_s = time.monotonic() + self._wait_s
        while True:
            connection: redis.Connection = self._reserve(until_s)
            try:
                _open(connection)
            except (RedisError, OSError) as error:
                self._growth.failed(error)
                self.release(connection)
                if not (self._idle or self._busy):
                    raise
            except BaseException:
                self.release(connection)
                raise
            else:
                return connection

    def release(self, connection: Any) -> None:
        dropped: list[Any] = []
        with self._freed:
            if connection in self._busy:
                self._busy.remove(connection)
                if connection.demoted:
                    connection.demoted = False
                    self.demotions += 1
                    dropped, self._idle, self._outdated = self._idle, [], set(self._busy)
                elif connection in self._outdated:
                    dropped.append(connection)
                if connection.is_connected and connection not in dropped:
                    self._idle.append(connection)
                self._outdated.discard(connection)
            self._freed.notify()
        for one in dropped:
            one.disconnect()

    def disconnect(self, inuse_connections: bool = True) -> None:
        with self._freed:
            connections = [*self._idle, *(self._busy if inuse_connections else ())]
            self._idle.clear()
        for connection in connections:
            connection.disconnect()
        if finder := self.connection_kwargs.get("finder"):
            finder.close()

    def _reserve(self, until_s: float) -> Any:
        """An idle one, waiting for it."""
        grow = self._growth
        with self._freed, grow.one_waits():
            while not self._idle:
                if grow.wanted(len(self._busy)):
                    threading.Thread(target=self._make, daemon=True, name="redis connection").start()
                if not self._freed.wait(max(0.0, until_s - time.monotonic())):
                    raise grow.in_vain(len(self._busy))
                if not self._idle and grow.hopeless(len(self._busy)):
                    raise grow.in_vain(len(self._busy))
            connection = self._idle.pop()
            self._busy.add(connection)
            return connection

    def _make(self) -> None:
        connection: Any = None
        try:
            connection = self.connection_class(**self.connection_kwargs)  # which itself opens a file
            connection.connect()
        except Exception as error:  # whatever it is, it is theirs who wait
            self._growth.failed(error)
            connection = None
        with self._freed:
            self._growth.made(connection)
            if connection:
                self._idle.append(connection)
            self._freed.notify_all()
        if not connection:
            time.sleep(growth.AGAIN_S)
            with self._freed:
                self._freed.notify_all()  # who still waits may try again


class LoopPool(redis.asyncio.ConnectionPool):
    """The same for one event loop."""

    def __init__(self, *, wait_s: float, **options: Any) -> None:
        super().__init__(**options)
        self._wait_s = wait_s
        self.demotions = 0
        self._idle: list[Any] = []
        self._busy: set[Any] = set()
        self._outdated: set[Any] = set()
        self._makers: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Condition()
        self._closed = False
        self._growth = Growth(self.max_connections)

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """One that is open."""
        return await self._open_and_idle() or await self._awaited()

    async def _open_and_idle(self) -> Any:
        """The quick way, of nearly every call: nothing to wait for, so no limit of time and no lock."""
        if not self._idle:
            return None
        connection = self._idle.pop()
        self._busy.add(connection)
        try:
            if connection.is_connected and not await connection.can_read():
                return connection
        except (RedisError, OSError):
            pass  # what came of it is seen again, with patience
        except BaseException:
            await self.release(connection)
            raise
        await self.release(connection)
        return None

    async def _awaited(self) -> Any:
        try:
            async with asyncio.timeout(self._wait_s):
                while True:
                    connection = await self._reserve()
                    try:
                        await self.ensure_connection(connection)
                    except (RedisError, OSError) as error:
                        self._growth.failed(error)
                        await self.release(connection)
                        if not (self._idle or self._busy):
                            raise
                    except BaseException:
                        await self.release(connection)
                        raise
                    else:
                        return connection
        except TimeoutError:
            raise self._growth.in_vain(len(self._busy)) from None

    async def release(self, connection: Any) -> None:
        self._busy.discard(connection)
        if connection.demoted:
            connection.demoted = False
            self.demotions += 1
            dropped, self._idle, self._outdated = self._idle, [], set(self._busy)
            await asyncio.gather(*(one.disconnect(nowait=True) for one in dropped), return_exceptions=True)
        elif connection in self._outdated:
            await connection.disconnect(nowait=True)
        self._outdated.discard(connection)
        if self._closed:  # its call went on meanwhile, and perhaps opened it anew
            await connection.disconnect(nowait=True)
        elif connection.is_connected:
            self._idle.append(connection)
        if self._growth.waiting:
            async with self._freed:
                self._freed.notify()

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """For good."""
        self._closed = True
        makers = [*self._makers]
        for task in makers:
            task.cancel()
        await asyncio.gather(*makers, return_exceptions=True)  # what they have opened is closed by then
        connections = [*self._idle, *(self._busy if inuse_connections else ())]
        self._idle.clear()
        await asyncio.gather(*(connection.disconnect() for connection in connections), return_exceptions=True)
        if finder := self.connection_kwargs.get("finder"):
            await finder.close()

    async def _reserve(self) -> Any:
        """An idle one, waiting for it."""
        grow = self._growth
        async with self._freed:
            with grow.one_waits():
                while not self._idle:
                    if self._closed:
                        raise ConnectionError("the connections are closed")
                    if grow.wanted(len(self._busy)):
                        task = asyncio.create_task(self._make())
                        self._makers.add(task)  # the loop holds tasks weakly
                        task.add_done_callback(self._makers.discard)
                    try:
                        await self._freed.wait()
                    except asyncio.CancelledError:
                        self._freed.notify()  # this one may have been woken just before
                        raise
                    if not self._idle and grow.hopeless(len(self._busy)):
                        raise grow.in_vain(len(self._busy))
                connection = self._idle.pop()
                self._busy.add(connection)
                return connection

    async def _make(self) -> None:
        connection: Any = None
        try:
            try:
                connection = self.connection_class(**self.connection_kwargs)
                await connection.connect()
            except Exception as error:  # whatever it is, it is theirs who wait
                self._growth.failed(error)
                connection = None
            await self._freed.acquire()
        except asyncio.CancelledError:
            self._growth.made(None)
            if connection:
                await connection.disconnect(nowait=True)
            raise
        try:
            self._growth.made(connection)
            if connection:
                self._idle.append(connection)
            self._freed.notify_all()
        finally:
            self._freed.release()
        if not connection:
            await asyncio.sleep(growth.AGAIN_S)
            async with self._freed:
                self._freed.notify_all()  # who still waits may try again


def _open(connection: redis.Connection) -> None:
    """As redis-py's pools do: what lies unread on it, or its end, means that it must be made anew."""
    connection.connect()
    try:
        if not connection.can_read():
            return
    except (RedisError, OSError):
        pass
    connection.disconnect()
    connection.connect()
    if connection.can_read():
        raise ConnectionError("Connection not ready")
