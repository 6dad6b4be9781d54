"""New connections to Redis fail while old ones live: what is open serves, and what failed is not handed out again.

redis/redis-py#668, jazzband/django-redis#122 (plans with 30 connections), safe-global/safe-transaction-service#951
(maxclients), sebleier/django-redis-cache#54 (a bound on the pool).
"""

from __future__ import annotations

import asyncio
import gc
import re
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from shared.errors import StoreUnavailable
from shared.settings import Settings
from shared.store import growth
from shared.store.connection import Store, SyncStore, connect
from tests.integration.api.wire import Wire

SOON_S = 0.4  # less than a connection takes that is never made
AT_ONCE = 24


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "AGAIN_S", 0.1)


@pytest.fixture
def settings(make_settings: Callable[..., Settings], wire: Wire) -> Settings:
    return make_settings(redis={"url": f"redis://127.0.0.1:{wire.port}", "timeout_s": 0.5})


@contextmanager
def maxclients(records: redis.Redis, wire: Wire) -> Iterator[str]:
    """No more than there are."""
    most = int(records.config_get("maxclients")["maxclients"] or 0)
    records.config_set("maxclients", len(records.client_list()))
    try:
        yield "max number of clients reached|maxclients"
    finally:
        records.config_set("maxclients", most)


@contextmanager
def firewall(records: redis.Redis, wire: Wire) -> Iterator[str]:
    wire.shut_new()
    yield "no answer in time"
    wire.mend()


@contextmanager
def no_descriptors(records: redis.Redis, wire: Wire) -> Iterator[str]:
    """Open files go on, and no other can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield "Too many open files"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


LIMITS = [maxclients, firewall, no_descriptors]


@pytest.mark.parametrize("limit", LIMITS)
def test_one_open_connection_serves_all_of_a_loop(
    settings: Settings, wire: Wire, records: redis.Redis, limit: Any
) -> None:
    async def serve() -> float:
        store = Store(settings)
        try:
            await store.call("queue")
            with limit(records, wire):
                begun = time.monotonic()
                for _ in range(3):
                    await asyncio.gather(*(store.call("queue") for _ in range(AT_ONCE)))
                took_s = time.monotonic() - begun
            await asyncio.sleep(growth.AGAIN_S)
            await asyncio.gather(*(store.call("queue") for _ in range(AT_ONCE)))
            return took_s
        finally:
            await store.close()

    assert asyncio.run(serve()) < SOON_S


@pytest.mark.parametrize("limit", LIMITS)
def test_one_open_connection_serves_all_threads(
    settings: Settings, wire: Wire, records: redis.Redis, limit: Any
) -> None:
    with connect(settings) as client, ThreadPoolExecutor(8) as threads:
        store = SyncStore(client)
        store.call("queue")
        with limit(records, wire):
            answers = list(threads.map(lambda _: store.call("queue"), range(5 * AT_ONCE)))
        time.sleep(growth.AGAIN_S)
        assert len(list(threads.map(lambda _: store.call("queue"), range(AT_ONCE)))) == AT_ONCE

    assert len(answers) == 5 * AT_ONCE


@pytest.mark.parametrize("limit", [maxclients, firewall])
def test_with_none_open_the_reason_is_named(settings: Settings, wire: Wire, records: redis.Redis, limit: Any) -> None:
    async def call() -> str:
        store = Store(settings)
        try:
            await store.call("queue")
        except StoreUnavailable as error:
            return str(error)
        finally:
            await store.close()
        return "answered"

    with limit(records, wire) as words:
        with connect(settings) as client, pytest.raises(StoreUnavailable, match=words):
            SyncStore(client).call("queue")
        assert re.search(words, asyncio.run(call()))


def test_a_process_makes_no_more_than_its_setting_allows(
    make_settings: Callable[..., Settings], records: redis.Redis
) -> None:
    settings = make_settings(
        redis={
            "url": f"redis://{records.connection_pool.connection_kwargs['host']}:"
            f"{records.connection_pool.connection_kwargs['port']}/0?client_name=pool",
            "max_connections": 4,
        }
    )

    def ours() -> int:
        return sum(client["name"] == "pool" for client in records.client_list())

    async def most() -> int:
        store = Store(settings)
        try:
            await asyncio.gather(*(store.call("queue") for _ in range(AT_ONCE)))
            return ours()
        finally:
            await store.close()

    assert 1 <= asyncio.run(most()) <= 4
    with connect(settings) as client, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: SyncStore(client).call("queue"), range(AT_ONCE)))
        assert 1 <= ours() <= 4


def test_a_call_that_is_given_up_leaves_nobody_waiting(make_settings: Callable[..., Settings]) -> None:
    async def run() -> None:
        store = Store(make_settings())
        try:
            await store.call("queue")
            for _ in range(40):
                task = asyncio.create_task(store.call("queue"))
                await asyncio.sleep(0.0005)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await asyncio.gather(*(store.call("queue") for _ in range(64)))
        finally:
            await store.close()

    asyncio.run(run())


def test_what_is_being_opened_when_the_pool_is_closed_is_closed_too(
    make_settings: Callable[..., Settings], records: redis.Redis
) -> None:
    """At any of its turns: greeting Redis takes several."""

    async def run(turns: int) -> None:
        store = Store(make_settings())
        calls = [asyncio.create_task(store.call("queue")) for _ in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0.0002)
        await store.close()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def connections() -> set[str]:
        return {str(client["id"]) for client in records.client_list()}

    before = connections()
    for turns in range(25):
        asyncio.run(run(turns))
        gc.collect()

    assert connections() <= before  # one of an earlier test may close meanwhile
