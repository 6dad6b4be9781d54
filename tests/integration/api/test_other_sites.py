"""Pages of other sites in the browser of somebody who reaches the service: what they may not do, and what they may.

By a name of their own that leads here (DNS rebinding) they read and deleted everything, as with others that serve a
desk without keys: milady-ai/milady#564, NousResearch/hermes-agent#21939, gptme/gptme#3322, vladar107/claudescope#40,
quick-lint/quick-lint-js#951 (`localhost.`), skycoin/skycoin#885, AdventureX-Ciallo/insightforge#3.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.settings import Settings
from tests.integration.api.described import described_client
from tests.integration.api.serving import Serve

FRONT_END = "https://studio.example:8443"
JOB: dict[str, Any] = {"prompt": "x"}


@pytest.fixture(scope="module")
def named(redis_server: str) -> Iterator[httpx.Client]:
    """Without keys; two names and one other site are allowed."""
    api = {"hosts": "api, Board.Example", "cors_origins": FRONT_END}
    with described_client(Settings(redis={"url": redis_server}, api=api)) as client:
        yield client


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1", "127.0.0.1:1", "192.168.1.5:8000", "8.8.8.8"),
        *("[::1]", "[::1]:8000", "[fe80::1]", "[2001:DB8::1]:80", "api", "api:8000", "board.example", "BOARD.example."),
        "",  # no browser sends none
    ],
)
def test_addresses_localhost_and_the_named_hosts_are_served(named: httpx.Client, host: str) -> None:
    assert named.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "api.evil",
            "notlocalhost",
        ),
        *("foo.localhost", "127.0.0.1:8000.evil.example", "evil.example#localhost", "localhost@evil.example"),
        *("evil.example/localhost", "localhost:port", "[::1", "[::1].evil", "::1", "2130706433", "0x7f.1", "127.1"),
        *("testserver", "localhost..", ".localhost", "localhost,evil.example"),
    ],
)
def test_any_other_name_is_refused_whatever_is_asked(named: httpx.Client, host: str) -> None:
    requests = [("POST", "/jobs"), ("GET", "/jobs"), ("GET", "/"), ("GET", "/docs"), ("GET", "/queue"), ("GET", "/no")]

    answers = [named.request(method, path, headers={"Host": host}) for method, path in requests]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "host_refused")}
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/problem+json"}


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "X-Host", "X-Original-Host", "X-Forwarded-Server"])
def test_what_a_proxy_may_have_said_makes_no_name_good(named: httpx.Client, header: str) -> None:
    value = "host=localhost" if header == "Forwarded" else "localhost"

    assert named.get("/jobs", headers={"Host": "evil.example", header: value}).status_code == 403


def raw(api: httpx.Client, text: str) -> str:
    """The status code."""
    with socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=20) as connection:
        connection.sendall(text.encode())
        return connection.recv(12).decode().split()[1]


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),  # a load balancer's probe
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 403),
        ("GET /healthz HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n", 403),
        ("GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        ("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
    ],
)
def test_no_host_two_hosts_and_a_target_with_a_host(named: httpx.Client, request_text: str, status: int) -> None:
    assert raw(named, request_text) == str(status)


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        ({}, True),  # no browser
        ({"Origin": "http://localhost:8000"}, True),
        ({"Origin": "http://LOCALHOST:8000"}, True),
        ({"Origin": "https://localhost:8000"}, True),  # a proxy ended TLS
        ({"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, True),  # under Referrer-Policy: no-referrer
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": FRONT_END, "Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": FRONT_END}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://localhost:5555", "Sec-Fetch-Site": "same-site"}, False),  # Flower's, or a tool's
        ({"Origin": "http://localhost:5555"}, False),
        ({"Origin": "http://localhost"}, False),
        ({"Origin": "http://localhost:8000.evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "file://"}, False),
        ({"Origin": "chrome-extension://abc"}, False),
        ({"Origin": "http://["}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "of-the-future"}, False),
    ],
    ids=str,
)
def test_another_sites_page_changes_nothing(named: httpx.Client, headers: dict[str, str], served: bool) -> None:
    changes = [("POST", "/jobs"), ("DELETE", "/jobs/1"), ("POST", "/jobs/1/deliveries/redeliver"), ("PUT", "/jobs")]

    answers = [named.request(how, path, headers={"Host": "localhost:8000", **headers}) for how, path in changes]
    read = named.get("/healthz", headers={"Host": "localhost:8000", **headers})

    assert [answer.status_code for answer in answers] == ([415, 404, 404, 405] if served else [403] * 4)
    assert served or {answer.json()["code"] for answer in answers} == {"origin_refused"}
    assert read.status_code == 200  # the browser shows that to no other site


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost", "http://localhost"),
        ("localhost", "https://localhost:443"),
        ("board.example:443", "https://board.example"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("192.168.1.5:8000", "http://192.168.1.5:8000"),
    ],
)
def test_an_old_browsers_own_page_is_known_by_its_origin(named: httpx.Client, host: str, origin: str) -> None:
    answer = named.post("/jobs", json=JOB, headers={"Host": host, "Origin": origin})

    assert answer.status_code in {200, 202}


def test_with_keys_every_name_is_served_and_no_other_site(serve: Serve) -> None:
    """The page of a stranger has no key; a name is the proxy's before a service with keys."""
    api = serve(api={"keys": "studio:right"})
    headers = {"Host": "board.studio.example", "Authorization": "Bearer right"}

    assert api.get("/jobs", headers=headers).status_code == 200
    assert api.post("/jobs", json=JOB, headers={**headers, "Origin": "https://evil.example"}).status_code == 403


PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


def test_no_other_site_may_read_by_default(serve: Serve) -> None:
    api = serve()
    headers = {"Origin": FRONT_END}

    answers = [api.get("/jobs", headers=headers), api.options("/jobs", headers={**headers, **PREFLIGHT})]

    assert [answer.status_code for answer in answers] == [200, 405]
    assert not any(name.startswith("access-control") for answer in answers for name in answer.headers)


def test_a_front_end_may_ask_before_it_has_a_key_and_reads_also_errors(serve: Serve) -> None:
    """mcp-hangar/mcp-hangar#993, litestar-org/litestar#2205, NousResearch/hermes-agent#104104: preflights were 401."""
    api = serve(api={"keys": "studio:right", "cors_origins": f"{FRONT_END}, http://other.example"})
    headers = {"Origin": FRONT_END}

    preflight = api.options("/jobs", headers={**headers, **PREFLIGHT})
    refused = api.post("/jobs", json=JOB, headers=headers)
    accepted = api.post("/jobs", json=JOB, headers={**headers, "Authorization": "Bearer right"})
    stranger = api.options("/jobs", headers={"Origin": "https://evil.example", **PREFLIGHT})

    assert [answer.status_code for answer in (preflight, refused, accepted, stranger)] == [200, 401, 202, 400]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in (preflight, refused, accepted)} == {FRONT_END}
    assert {"Location", "Retry-After", "ETag"} <= set(accepted.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Access-Control-Allow-Origin" not in stranger.headers
    assert "Access-Control-Allow-Credentials" not in accepted.headers


@pytest.mark.parametrize("path", ["/", "/docs", "/page/app.js", "/docs/files/swagger-ui.css"])
def test_the_documents_have_the_headers_of_the_page(named: httpx.Client, path: str) -> None:
    answer = named.get(path)

    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert {name: answer.headers[name] for name in ("X-Content-Type-Options", "Referrer-Policy", "Cache-Control")} == {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def test_nothing_of_a_client_is_kept_by_a_cache(api: httpx.Client) -> None:
    job = api.post("/jobs", json=JOB)
    path = job.headers["Location"]
    batch = api.post("/batches", json={"jobs": [JOB]})
    reads = [path, f"{path}/request", f"{path}/result", f"{path}/deliveries", "/jobs", "/dead", "/queue", "/metrics"]
    known = api.get(path, headers={"If-None-Match": api.get(path).headers["ETag"]})
    canceled = api.post(f"{path}/cancel")
    answers = [job, batch, known, canceled, *map(api.get, (*reads, f"{path}/events", batch.headers["Location"], "/no"))]

    assert known.status_code == 304
    assert {answer.headers.get("Cache-Control") for answer in answers} == {"no-store"}
    assert {answer.headers.get("X-Content-Type-Options") for answer in answers} == {"nosniff"}
