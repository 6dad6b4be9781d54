"""Clients that stall: half a header, half a body, an answer that nobody takes. Others do not notice, and none stays."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import httpx
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http import slow_clients
from tests.integration.api.handworker import HandWorker

STALLED = 400
WITHIN_S = 30  # a loaded machine looks later than it should


@dataclass
class Stalled:
    api: httpx.Client
    half_body: socket.socket
    second_request: socket.socket


def connected(api: httpx.Client, text: str) -> socket.socket:
    connection = socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=WITHIN_S)
    connection.sendall(text.encode())
    return connection


@pytest.fixture(scope="module", autouse=True)
def watched() -> Iterator[None]:
    """As in the API's own process; the other files' servers share this one."""
    with pytest.MonkeyPatch.context() as patch:
        for protocol in (H11Protocol, HttpToolsProtocol):
            patch.setattr(protocol, "connection_made", protocol.connection_made)
            patch.setattr(protocol, "shutdown", protocol.shutdown)
        slow_clients.watch_connections()
        yield


POST = "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"


@pytest.fixture(scope="module")
def stalled(lasting_api: httpx.Client) -> Iterator[Stalled]:
    with ExitStack() as stack:
        body = stack.enter_context(connected(lasting_api, POST + '\r\n{"prompt": "'))
        second = stack.enter_context(connected(lasting_api, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea"))
        yield Stalled(lasting_api, body, second)


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the service closes; fails when it does not."""
    received = b""
    with suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_hundreds_of_half_headers_keep_nobody_else_waiting_and_are_given_up(lasting_api: httpx.Client) -> None:
    with ExitStack() as stack:
        half_headers = [stack.enter_context(connected(lasting_api, POST)) for _ in range(STALLED)]
        silent = stack.enter_context(connected(lasting_api, ""))
        until_s = time.monotonic() + WITHIN_S
        assert not select.select(half_headers, [], [], 0)[0]  # all are held

        answers = [lasting_api.get("/queue").status_code for _ in range(20)]

        assert answers == [200] * 20
        assert [rest_of(connection) for connection in half_headers] == [b""] * STALLED
        assert rest_of(silent) == b""
        assert time.monotonic() < until_s


def test_a_second_request_that_stalls_ends_the_connection_after_the_first_answer(stalled: Stalled) -> None:
    answer = rest_of(stalled.second_request)

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1


def test_half_a_body_is_408(stalled: Stalled) -> None:
    answer = rest_of(stalled.half_body)

    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"body_too_slow"' in answer
    assert b"connection: close" in answer.lower()


def test_a_reader_that_takes_nothing_holds_up_nobody_and_is_cut_off(
    api: httpx.Client, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "TAKING_S", 2.0)  # a minute is too long for a test
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.settimeout(WITHIN_S)
        lazy.connect((api.base_url.host, api.base_url.port))
        lazy.sendall(f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert lazy.recv(15) == b"HTTP/1.1 200 OK"
        claim = worker.claim(job_id)
        worker.report(claim, tokens=5, scenes_done=3, subject="林" * 500_000)  # more than sockets hold
        worker.succeed(claim, "林" * 500_000)

        events = httpx.get(f"{api.base_url}/jobs/{job_id}/events", timeout=60, trust_env=False).text

        assert events.count("\nevent: scene\n") == 3
        assert events.count("\nevent: done\n") == 1
        time.sleep(5)  # all that time it takes nothing; its end of the connection shows no sign of the other's
        assert len(rest_of(lazy)) < len(events.encode()) / 2


def test_a_connection_between_two_requests_is_kept_as_long_as_uvicorn_was_asked_to(
    lasting_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kserve/kserve 5446: a proxy that keeps connections longer meets one that is just being closed."""
    monkeypatch.setattr(slow_clients, "HEADER_S", 0.5)
    ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(lasting_api, ask) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        time.sleep(2.5)  # uvicorn itself closes after 5

        connection.sendall(ask.encode())

        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_half_a_header_after_an_answer_is_given_up(lasting_api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_clients, "HEADER_S", 0.5)
    ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(lasting_api, ask) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        begun_s = time.monotonic()
        connection.sendall(ask[:10].encode())

        assert rest_of(connection) == b""
        assert time.monotonic() - begun_s < 4.5  # uvicorn waits no more once a byte has come
