"""A key is asked for before anything else of a request is read: its body, its type, its length, its parameters.

FastAPI reads and parses a body before it solves what a route depends on (fastapi/fastapi#4941, #1181); others met the
same in their own frames (daloyjs/daloy#45, wazuh/wazuh#38777, AmanSK5/shadow-ai-guard#27).
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.settings import Settings
from tests.integration.api.described import described_client

KEYS = {"keys": "studio:key-of-the-studio"}
STUDIO = {"Authorization": "Bearer key-of-the-studio"}
JSON = {"Content-Type": "application/json"}
LARGE_BYTES = 16 * 1024 * 1024

# What would be refused for a reason of its own, had it a key: status, and the request beside its path.
AT_FAULT: dict[str, tuple[int, dict[str, Any]]] = {
    "malformed": (400, {"content": b"{", "headers": JSON}),
    "far too deep": (400, {"content": b"[" * 5000, "headers": JSON}),
    "too large": (413, {"content": b" " * (LARGE_BYTES + 1), "headers": JSON}),
    "not JSON": (415, {"content": b"prompt=x", "headers": {"Content-Type": "text/plain"}}),
    "in a coding": (415, {"content": gzip.compress(b"{}"), "headers": {**JSON, "Content-Encoding": "gzip"}}),
    "no batch and no job": (422, {"content": b"[]", "headers": JSON}),
    "an unknown parameter": (422, {"content": b"{}", "headers": JSON, "params": {"colour": "red"}}),
}


@pytest.fixture(scope="module")
def guarded(redis_server: str) -> Iterator[httpx.Client]:
    with described_client(Settings(redis={"url": redis_server}, api=KEYS)) as client:
        yield client


@pytest.mark.parametrize("path", ["/jobs", "/batches"])
@pytest.mark.parametrize("name", AT_FAULT)
def test_what_is_at_fault_is_said_to_nobody_without_a_key(guarded: httpx.Client, path: str, name: str) -> None:
    status, request = AT_FAULT[name]
    headers = request["headers"]

    without = guarded.post(path, **request)
    wrong = guarded.post(path, **{**request, "headers": {**headers, "Authorization": "Bearer key-of-a-thief"}})
    right = guarded.post(path, **{**request, "headers": {**headers, **STUDIO}})

    assert [answer.status_code for answer in (without, wrong, right)] == [401, 401, status]


@pytest.mark.parametrize("path", ["/jobs", "/jobs/1/deliveries", "/jobs/1", "/dead", "/queue", "/metrics"])
def test_an_unknown_parameter_is_refused_after_the_key(guarded: httpx.Client, path: str) -> None:
    without, right = guarded.get(f"{path}?a~b/c=1"), guarded.get(f"{path}?a~b/c=1", headers=STUDIO)

    assert (without.status_code, right.status_code) == (401, 422)
    assert right.json()["errors"] == [
        {"pointer": "/a~0b~1c", "code": "extra_forbidden", "detail": "parameter a~b/c: no such parameter"}
    ]


def connected(api: httpx.Client) -> socket.socket:
    return socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=20)


def head(connection: socket.socket) -> str:
    """The next answer's, with its body taken off the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1)
    text = received.decode().lower()
    left = int(text.split("content-length: ")[1].split("\r\n")[0])
    while left:
        left -= len(connection.recv(left))
    return text


POST = b"POST /batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("framing", "rest"),
    [
        (b"Content-Length: 16777216\r\n", b" " * LARGE_BYTES),
        (b"Transfer-Encoding: chunked\r\n", b"100000\r\n" + b" " * 1048576 + b"\r\n0\r\n\r\n"),
    ],
    ids=["by length", "in chunks"],
)
def test_the_answer_comes_before_the_body_and_the_connection_goes_on_after_it(
    guarded: httpx.Client, framing: bytes, rest: bytes
) -> None:
    with connected(guarded) as connection:
        connection.sendall(POST + framing + b"\r\n")
        refused = head(connection)
        connection.sendall(rest + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        next_answer = head(connection)

    assert refused.startswith("http/1.1 401")
    assert next_answer.startswith("http/1.1 200")


@pytest.mark.parametrize(
    ("key", "status"), [(b"", "401"), (b"Authorization: Bearer key-of-the-studio\r\n", "413")], ids=["none", "a key"]
)
def test_a_client_that_asks_first_never_sends_a_body_that_is_refused(
    guarded: httpx.Client, key: bytes, status: str
) -> None:
    """What it sends next may be that body or its next request (RFC 9110, 10.1.1): the connection ends."""
    with connected(guarded) as connection:
        connection.sendall(POST + key + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        refused = head(connection)

        assert refused.startswith(f"http/1.1 {status}")  # and no `100 Continue` before it
        assert "connection: close" in refused
        assert connection.recv(1) == b""


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "x-gzip", "gzip, gzip", "GZIP", "aws-chunked"])
def test_a_body_in_a_content_coding_is_415_with_the_coding_that_is_taken(guarded: httpx.Client, coding: str) -> None:
    """BerriAI/litellm#41567, Kludex/starlette#644: such a body was told to be malformed."""
    answer = guarded.post("/jobs", content=b"{}", headers={**JSON, **STUDIO, "Content-Encoding": coding})

    assert (answer.status_code, answer.json()["code"]) == (415, "encoded_body")
    assert coding.lower() in answer.json()["detail"]
    assert answer.headers["Accept-Encoding"] == "identity"


def test_a_body_in_no_coding_may_say_so(guarded: httpx.Client) -> None:
    answer = guarded.post("/jobs", content=b"{}", headers={**JSON, **STUDIO, "Content-Encoding": "Identity"})

    assert answer.status_code == 422
