"""One client that holds on to all it can get: the others are let in, and it is told why it is not.

Kludex/uvicorn#1030, Kludex/uvicorn-worker#22 and joyent/libuv#315: at the limit of descriptors new connections wait
for ever or are closed at once, whoever they are from, and under uvloop no log says so.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http import connections
from api.http.places import Streams, Turns, network_of
from shared.errors import TooManyStreams
from tests.integration.api.serving import Serve
from tests.integration.worker.processes import until

STUDIO, AGENCY = ({"Authorization": f"Bearer {key}"} for key in ("1", "2"))
KEYS = {"keys": "studio:1,agency:2", "max_streams": 2}
ROOM = 8


# -- streams and long polls -------------------------------------------------------------------------------------------


@contextmanager
def held(api: httpx.Client, path: str, headers: dict[str, str]) -> Iterator[socket.socket]:
    """A request whose answer is not waited for. On a connection that was used, so that no later one is read before."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers}.items())
    with socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=20) as connection:
        assert ask(connection)
        connection.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        yield connection


def refusal(answer: httpx.Response) -> tuple[int, str, bool]:
    return answer.status_code, answer.json().get("code", ""), "Retry-After" in answer.headers


@pytest.mark.parametrize(("first", "second"), [("events", "events"), ("events", "poll"), ("poll", "events")])
def test_a_client_has_so_many_streams_and_polls_and_others_have_theirs(serve: Serve, first: str, second: str) -> None:
    api = serve(api=KEYS)
    jobs = {key: api.post("/jobs", json={"prompt": key}, headers=who).json()["id"] for key, who in _BOTH.items()}
    api.post(f"/jobs/{jobs['2']}/cancel", headers=AGENCY)  # done: a poll of it does not take its time
    paths = {"events": "/jobs/{}/events", "poll": "/jobs/{}"}
    waiting = {**STUDIO, "Prefer": "wait=60"}
    with ExitStack() as stack:
        for kind in (first, second):
            stack.enter_context(held(api, paths[kind].format(jobs["1"]), waiting))
        refused = [
            api.get(f"/jobs/{jobs['1']}/events", headers=STUDIO),
            api.get(f"/jobs/{jobs['1']}", headers=waiting),
            api.post("/jobs", json={"prompt": "refused"}, headers=waiting),
        ]
        plain = [
            api.get(f"/jobs/{jobs['1']}", headers=STUDIO),
            api.get(f"/jobs/{jobs['1']}", headers={**STUDIO, "Prefer": "wait=0"}),
            api.post("/jobs", json={"prompt": "taken"}, headers=STUDIO),
        ]
        other = api.get(f"/jobs/{jobs['2']}", headers={**AGENCY, "Prefer": "wait=1"})

    assert [refusal(answer) for answer in refused] == [(429, "too_many_streams", True)] * 3
    assert [answer.status_code for answer in plain] == [200, 200, 202]
    assert other.status_code == 200
    api.post(f"/jobs/{jobs['1']}/cancel", headers=STUDIO)
    until(lambda: api.get(f"/jobs/{jobs['1']}", headers=waiting).status_code == 200, what="the places are free")
    prompts = {api.get(f"/jobs/{job['id']}/request", headers=STUDIO).json()["prompt"] for job in _list(api)}
    assert prompts == {"1", "taken"}  # what was refused was not queued


_BOTH = {"1": STUDIO, "2": AGENCY}


def _list(api: httpx.Client) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = api.get("/jobs", headers=STUDIO).json()["jobs"]
    return jobs


def test_a_stream_that_has_ended_leaves_its_place(serve: Serve) -> None:
    api = serve(api={"max_streams": 1})
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    api.post(f"/jobs/{job_id}/cancel")

    answers = [api.get(f"/jobs/{job_id}/events") for _ in range(3)]
    gone = [api.get("/jobs/0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10/events") for _ in range(3)]

    assert [answer.status_code for answer in answers + gone] == [200] * 3 + [404] * 3


def test_places_are_each_clients_own_and_are_forgotten_when_left() -> None:
    streams = Streams(1)
    with streams.place("a"), streams.place("b"), pytest.raises(TooManyStreams), streams.place("a"):
        pass
    with pytest.raises(ZeroDivisionError), streams.place("a"):
        raise ZeroDivisionError
    with streams.place("a"):
        pass

    assert vars(streams)["_open"] == {}


def test_a_clients_next_large_body_waits_for_its_own_and_for_nobody_elses() -> None:
    async def order() -> list[str]:
        turns, seen = Turns(2), []

        async def read(client: str, name: str, done: asyncio.Event) -> None:
            async with turns.of(client):
                seen.append(name)
                await done.wait()

        done = asyncio.Event()
        tasks = [asyncio.create_task(read("a", f"a{number}", done)) for number in range(4)]
        tasks.append(asyncio.create_task(read("b", "b0", done)))
        await asyncio.sleep(0.01)
        seen.append("two of one, one of the other")
        done.set()
        await asyncio.gather(*tasks)
        return seen

    assert asyncio.run(order()) == ["a0", "a1", "b0", "two of one, one of the other", "a2", "a3"]


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_an_address_counts_for_whoever_has_it(address: str, whose: str) -> None:
    assert network_of(address) == whose


# -- connections ------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_room(serve: Serve) -> Iterator[httpx.Client]:
    """An API that has room for a few connections."""
    with pytest.MonkeyPatch.context() as patch:
        for protocol in (H11Protocol, HttpToolsProtocol):
            patch.setattr(protocol, "connection_made", protocol.connection_made)
            patch.setattr(protocol, "connection_lost", protocol.connection_lost)
        patch.setattr(connections, "LEAST", ROOM)
        connections.bound_connections(connections.KEPT_BACK)
        yield serve(api={"max_streams": 2 * ROOM})


def ask(connection: socket.socket) -> bool:
    """Whether it is answered on this connection."""
    try:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return connection.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def test_newcomers_are_let_in_and_the_oldest_idle_connections_go(
    small_room: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    address = (small_room.base_url.host, small_room.base_url.port or 80)
    with ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(3 * ROOM)]
        until(lambda: "connections are open" in caplog.text, what="it was logged")
        newest = crowd[-ROOM // 2 :]
        answered = [ask(connection) for connection in newest]

        assert answered == [True] * len(newest)
        assert [ask(connection) for connection in crowd[:ROOM]] == [False] * ROOM
        assert small_room.get("/healthz").status_code == 200
    assert caplog.text.count("connections are open") == 1  # and not once a connection


def test_where_all_are_busy_it_is_the_newcomer_of_the_crowd_that_goes(small_room: httpx.Client) -> None:
    path = f"/jobs/{small_room.post('/jobs', json={'prompt': 'x'}).json()['id']}/events"
    small_room.close()
    with ExitStack() as stack:
        streams = [stack.enter_context(held(small_room, path, {})) for _ in range(ROOM)]
        begun = [stream.recv(15).startswith(b"HTTP/1.1 200") for stream in streams]
        late = stack.enter_context(socket.create_connection(streams[0].getpeername(), timeout=20))

        assert begun == [True] * ROOM
        assert not ask(late)
        for stream in streams:
            stream.setblocking(False)
        assert all(_is_open(stream) for stream in streams)


def _is_open(stream: socket.socket) -> bool:
    try:
        while stream.recv(65536):
            pass
    except BlockingIOError:
        return True
    return False


def test_the_soft_limit_of_descriptors_is_raised_to_the_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, most = {"now": (256, 4096)}, connections.MAX_OPEN + connections.KEPT_BACK
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.update(now=new))

    def raised(soft: int, hard: int) -> tuple[int, tuple[int, int]]:
        limits["now"] = (soft, hard)
        return connections.raise_descriptor_limit(), limits["now"]

    infinite = resource.RLIM_INFINITY
    assert raised(256, 4096) == (4096, (4096, 4096))
    assert raised(256, 256) == (256, (256, 256))
    assert raised(1024, infinite) == (most, (most, infinite))
    assert raised(1024, 1_048_576) == (most, (most, 1_048_576))
    assert raised(infinite, infinite)[1] == (infinite, infinite)
    assert raised(500_000, 500_000) == (500_000, (500_000, 500_000))


def test_it_is_logged_once_that_no_descriptor_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none_left(*_: Any) -> int:
        raise OSError(24, os.strerror(24))

    async def look_on() -> None:
        task = asyncio.create_task(connections.watch_descriptors())
        await asyncio.sleep(0.05)
        task.cancel()

    monkeypatch.setattr(connections, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(os, "open", none_left)
    with caplog.at_level(logging.ERROR):
        asyncio.run(look_on())

    assert caplog.text.count("no file descriptor is left (Too many open files)") == 1
