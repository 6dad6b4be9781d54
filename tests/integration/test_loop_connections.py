"""What our connections send is what the driver's own would, and what does not fit at once is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import DataError

from scriptqueue.schemas import Status
from shared.errors import StoreUnavailable
from shared.settings import Settings
from shared.store import loop_connections
from shared.store.connection import Store
from tests.integration.api.wire import Wire

KINDS = ["Connection", "SSLConnection", "UnixDomainSocketConnection"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "values",
    [
        ("EVALSHA", "0" * 40, 0, "雨中的猫", "", b"\x00\r\n", 1.5, 86400.0, 2**53, -1, Status.QUEUED),
        ("CONFIG GET", "save"),
        ("SET", "key", "x" * 100_000),
    ],
)
def test_a_command_is_written_as_the_driver_would(kind: str, values: tuple[Any, ...]) -> None:
    ours, theirs = getattr(loop_connections, kind)(), getattr(redis.asyncio, kind)()

    assert b"".join(ours.pack_command(*values)) == b"".join(theirs.pack_command(*values))


@pytest.mark.parametrize("value", [None, [], {}])
def test_what_is_no_text_and_no_number_is_refused(value: Any) -> None:
    with pytest.raises(DataError):
        loop_connections.Connection().pack_command("SET", "key", value)


def test_a_redis_that_takes_nothing_more_holds_no_call_for_ever(
    make_settings: Callable[..., Settings], wire: Wire
) -> None:
    settings = make_settings(redis={"url": f"redis://127.0.0.1:{wire.port}", "timeout_s": 0.3})

    async def fill() -> float:
        store, clock = Store(settings), asyncio.get_running_loop().time
        await store.call("read", ids=[])
        wire.freeze()
        begun_s = clock()
        with pytest.raises(StoreUnavailable):
            await store.call("read", ids=["x" * 1_000_000] * 50)
        took_s = clock() - begun_s
        wire.cut()  # what was not taken goes with its connection
        wire.mend()
        assert await store.call("read", ids=[]) == []
        await store.close()
        return took_s

    assert asyncio.run(fill()) < 1


def test_what_is_sent_before_is_answered_before_whatever_its_size(make_settings: Callable[..., Settings]) -> None:
    async def run() -> list[Any]:
        address = make_settings().redis.address.connection
        connection: Any = loop_connections.Connection(decode_responses=True, **address)
        await connection.connect()
        for words in ("small", "x" * 200_000, "last"):
            await connection.send_command("ECHO", words)
        answers = [await connection.read_response() for _ in range(3)]
        await connection.disconnect()
        return answers

    assert [len(answer) for answer in asyncio.run(run())] == [5, 200_000, 4]


def test_a_connection_that_is_lost_between_two_commands_is_made_anew(
    make_settings: Callable[..., Settings], wire: Wire
) -> None:
    settings = make_settings(redis={"url": f"redis://127.0.0.1:{wire.port}"})

    async def run() -> list[Any]:
        store = Store(settings)
        answers = [await store.call("read", ids=[])]
        wire.cut()
        wire.mend()
        answers.append(await store.call("read", ids=[]))
        await store.close()
        return answers

    assert asyncio.run(run()) == [[], []]
