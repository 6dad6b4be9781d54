"""The connection to Redis: its options, its limits of time, its errors as ours, and scripts called by their names.

Whatever reads or writes jobs stands on `Store` (async: the API, the sender of webhooks) or `SyncStore` (threads of
a worker). Knows how Redis is reached and how a script is called; not what a script means.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from shared.errors import StoreUnavailable
from shared.redis_address import RedisAddress
from shared.redis_primary import LoopFinder, PrimaryFinder, following
from shared.settings import RedisSettings, Settings
from shared.store import loop_connections
from shared.store.loop_connections import Openings
from shared.store.pools import LoopPool, ThreadPool
from shared.store.redis_words import reason_of
from shared.store.scripts import Name, scripts

REST_OF_A_CALL_S = 0.5  # of who waits for replicas, for all else
POOL_SHARE = 0.9  # of a call's time: who waits for a connection in vain learns why before the call itself gives up


@contextmanager
def redis_errors(*more: type[Exception]) -> Iterator[None]:
    """Redis's errors, and those of who stands between, as `StoreUnavailable`, with the server's own first words. Its
    text never holds a secret."""
    expected: tuple[type[Exception], ...] = (RedisError, OSError, *more)
    try:
        yield
    except expected as error:
        raise StoreUnavailable(f"Redis: {reason_of(error)}") from error


def connect(settings: Settings, *, timeout_s: float | None = None, retries: int = 0) -> redis.Redis:
    """A client for threads; nothing is connected yet."""
    address = settings.redis.address
    options = _options(settings.redis, timeout_s or settings.redis.timeout_s)
    options |= {"finder": PrimaryFinder(address)} if address.sentinels else {}
    kind = following(getattr(redis, _kind(address)))
    return redis.Redis.from_pool(ThreadPool(connection_class=kind, retry=Retry(NoBackoff(), retries), **options))


class SyncStore:
    """The scripts, for threads. A call raises `StoreUnavailable`. `prefix`: REDIS__PREFIX."""

    def __init__(self, client: redis.Redis, prefix: str = "") -> None:
        self._scripts = {name: client.register_script(script.text) for name, script in scripts(prefix).items()}
        self._database = client.connection_pool.connection_kwargs.get("db") or 0

    def call(self, script: Name, /, **keywords: Any) -> Any:
        """A script's answer; raises `TypeError` for an argument that is missing or unknown."""
        values = scripts()[script].flat(keywords)
        with redis_errors():
            return self._scripts[script](args=[self._database, *values])


class Store:
    """The scripts and the channels, for one event loop. What it does raises `StoreUnavailable` when Redis does not
    answer in time or refuses to write."""

    def __init__(self, settings: Settings) -> None:
        self._timeout_s = settings.redis.timeout_s
        address = settings.redis.address
        options = _options(settings.redis, self._timeout_s)
        self._finder = LoopFinder(address) if address.sentinels else None
        options |= {"finder": self._finder} if self._finder else {}
        self._openings = Openings()
        self._pool = LoopPool(
            connection_class=getattr(loop_connections, _kind(address)),
            openings=self._openings,
            retry=AsyncRetry(NoBackoff(), 1),  # a connection that Redis closed meanwhile is worth one more try
            **options,
        )
        self._database = address.database
        self._client = redis.asyncio.Redis.from_pool(self._pool)
        self._prefix = settings.redis.prefix
        texts = {name: script.text for name, script in scripts(self._prefix).items()}
        self._scripts = {name: self._client.register_script(text) for name, text in texts.items()}

    async def close(self) -> None:
        await self._client.aclose()

    async def call(self, script: Name, /, **keywords: Any) -> Any:
        """A script's answer; raises `TypeError` for an argument that is missing or unknown.

        The limit is that of the whole call: the driver's own timeout starts anew for the connection, its handshake
        and each try, so that a frozen Redis held a call for three of them.
        """
        values = scripts()[script].flat(keywords)
        with redis_errors():
            async with asyncio.timeout(self._timeout_s):
                return await self._scripts[script](args=[self._database, *values])

    async def call_and_wait(self, script: Name, replicas: int, within_ms: int, /, **keywords: Any) -> tuple[Any, int]:
        """A script's answer, and how many replicas then had all that was written before: as many as asked for, or as
        did within the time; none, where a failover by Sentinels may promote another."""
        values, finder = scripts()[script].flat(keywords), self._finder
        primary = finder.latest if finder else None
        with redis_errors():
            async with asyncio.timeout(within_ms / 1000 + REST_OF_A_CALL_S):
                async with self._client.pipeline(transaction=False) as pipeline:
                    await self._scripts[script](args=[self._database, *values], client=pipeline)
                    pipeline.execute_command("WAIT", replicas, within_ms)
                    answer, count = await pipeline.execute()
                if finder and not await finder.steady(primary, int(count)):
                    count = 0
        return answer, int(count)

    @property
    def openings(self) -> int:
        """How many connections were ever opened: a new one may lead to another server."""
        return self._openings.count

    @property
    def demotions(self) -> int:
        """How often a server of ours turned out to be no primary. A subscription from before may be deaf."""
        return self._pool.demotions

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[redis.asyncio.client.PubSub]:
        """A subscription of its own connection; raises when it breaks. `channel`: without REDIS__PREFIX."""
        subscription = self._client.pubsub(ignore_subscribe_messages=True)
        with redis_errors():
            try:
                await subscription.subscribe(self._prefix + channel)
                yield subscription
            finally:
                await subscription.aclose()


def heard(client: redis.Redis, timeout_s: float, *channels: str) -> Iterator[str | None]:
    """What comes to the channels, over a connection of its own; None each `timeout_s` of silence. Ends by
    `StoreUnavailable`, also where others met meanwhile that this server is no primary any more."""
    pool = cast(ThreadPool, client.connection_pool)
    subscription = client.pubsub(ignore_subscribe_messages=True)
    try:
        with redis_errors():
            subscription.subscribe(*channels)
        known = pool.demotions
        while True:
            with redis_errors():
                message = subscription.get_message(timeout=timeout_s)
                if pool.demotions != known:
                    raise StoreUnavailable("the server subscribed to is no primary any more")
            yield message["data"] if message else None
    finally:
        subscription.close()


def _kind(address: RedisAddress) -> str:
    """Of connections, by their name in redis-py and in `loop_connections`."""
    return "UnixDomainSocketConnection" if address.socket else "SSLConnection" if address.tls else "Connection"


def _options(settings: RedisSettings, timeout_s: float) -> dict[str, Any]:
    """Of a pool."""
    return {
        "max_connections": settings.max_connections,
        "wait_s": POOL_SHARE * timeout_s,
        "decode_responses": True,
        "protocol": 2,  # redis-py 8 mistakes the answer to a ping under RESP3 for a message of four letters
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        **settings.address.connection,
    }
