"""Answers of uvicorn's own protocol, by what reaches the transport."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api.http.one_write import joined

SENT = joined(RequestResponseCycle.send)
LENGTH = [(b"content-length", b"4")]


class Transport:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("close")

    def is_closing(self) -> bool:
        return False


def answer(method: str, status: int, headers: Any, bodies: list[bytes], *, keep_alive: bool = True) -> list[Any]:
    """What the transport was given until each message was sent."""

    async def run() -> list[Any]:
        transport: Any = Transport()
        log = logging.getLogger("test")
        scope: Any = {"type": "http", "method": method, "http_version": "1.1"}
        flow, message_event = FlowControl(transport), asyncio.Event()
        cycle = RequestResponseCycle(
            scope, transport, flow, log, log, False, [], message_event, False, keep_alive, lambda: None
        )
        messages: list[Any] = [{"type": "http.response.start", "status": status, "headers": headers}]
        for body in bodies:
            messages.append({"type": "http.response.body", "body": body, "more_body": body is not bodies[-1]})
        seen = []
        for message in messages:
            await SENT(cycle, message)
            seen.append(list(transport.done))
        assert cycle.transport is transport
        return seen

    return asyncio.run(run())


def test_head_and_body_are_one_write() -> None:
    before, after = answer("GET", 200, LENGTH, [b"four"])

    assert before == []
    assert after == [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour"]


def test_the_rest_of_a_long_body_follows() -> None:
    *_, after = answer("GET", 200, LENGTH, [b"fo", b"ur"])

    assert [data[-2:] for data in after] == [b"fo", b"ur"]


def test_an_empty_body_holds_no_head_back() -> None:
    assert len(answer("POST", 200, [(b"content-length", b"0")], [b""])[-1]) == 1


def test_a_connection_that_ends_ends_after_its_answer() -> None:
    written, closed = answer("GET", 200, LENGTH, [b"four"], keep_alive=False)[-1]

    assert written.endswith(b"connection: close\r\n\r\nfour")
    assert closed == "close"


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [("HEAD", 200, LENGTH), ("GET", 200, []), ("GET", 204, []), ("GET", 304, [])],
)
def test_a_head_that_may_stand_alone_goes_out_at_once(method: str, status: int, headers: Any) -> None:
    first, *_ = answer(method, status, headers, [b""])

    assert len(first) == 1


def test_a_head_without_its_body_goes_out_before_the_connection_is_closed() -> None:
    async def run() -> list[Any]:
        transport: Any = Transport()
        log = logging.getLogger("test")
        log.propagate = False
        scope: Any = {"type": "http", "method": "GET", "http_version": "1.1"}
        cycle = RequestResponseCycle(
            scope, transport, FlowControl(transport), log, log, False, [], asyncio.Event(), False, True, lambda: None
        )

        async def breaks(scope: Any, receive: Any, send: Any) -> None:
            await SENT(cycle, {"type": "http.response.start", "status": 200, "headers": LENGTH})
            raise RuntimeError("the answer had begun")

        await cycle.run_asgi(breaks)
        return list(transport.done)

    head, closed = asyncio.run(run())
    assert (head[:15], closed) == (b"HTTP/1.1 200 OK", "close")
