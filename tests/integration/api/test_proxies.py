"""Proxies of the environment: a service is reached through the one that is meant for it, and others do no harm.

liuzhao1225/YouDub-webui#75 and chatchat-space/Langchain-Chatchat#605: Clash sets ALL_PROXY=socks5:// for a
whole desktop, and httpx then fails on its package that is missing, also where NO_PROXY names the host.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest

from api import cli, doctor
from scriptqueue.async_client import AsyncClient
from scriptqueue.client import Client
from scriptqueue.proxies import proxy_to
from shared.settings import Settings
from tests.integration.api.receiver import ALLOWED, Receiver, sending
from tests.integration.api.serving import Serve

SOCKS = "socks5://127.0.0.1:1"
SERVICE = "service.example"  # which only the proxy knows
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "http://h", None),
        ({"ALL_PROXY": SOCKS}, "http://h", SOCKS),
        ({"ALL_PROXY": SOCKS, "HTTP_PROXY": "http://p:1"}, "http://h", "http://p:1"),
        ({"ALL_PROXY": SOCKS, "HTTP_PROXY": "http://p:1"}, "https://h", SOCKS),
        ({"all_proxy": "p:1"}, "http://h", "http://p:1"),
        ({"ALL_PROXY": ""}, "http://h", None),
        ({"ALL_PROXY": SOCKS}, "http://localhost:8000", None),
        ({"ALL_PROXY": SOCKS}, "http://127.0.0.2:8000", None),
        ({"ALL_PROXY": SOCKS}, "http://[::1]:8000", None),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": "*"}, "http://h", None),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": "h"}, "http://h:8000", None),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": "h:8000"}, "http://h:8000", None),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": "h:9000"}, "http://h:8000", SOCKS),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": ".lan, .corp"}, "http://gpu.lan", None),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": "lan"}, "http://gpu.lan", None),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": "lan"}, "http://gpulan", SOCKS),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": "10.0.0.0/8,192.168.0.0/16"}, "http://192.168.3.4:8000", None),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": "10.0.0.0/8"}, "http://11.0.0.1", SOCKS),
        ({"ALL_PROXY": SOCKS, "NO_PROXY": "fd00::/8"}, "http://[fd00::7]:8000", None),
    ],
)
def test_the_proxy_of_a_service(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert proxy_to(httpx.URL(url)) == proxy


@pytest.mark.parametrize("proxy", ["socks4://p:1", "socks://p:1", "ftp://u:hunter2@p:1", "http://p:port"])
def test_a_proxy_that_cannot_be_used_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)

    assert cli.main(["--url", f"http://{SERVICE}", "list"]) == 2

    line = capsys.readouterr().err
    assert "cannot be used: http, https, socks5 and socks5h can" in line
    assert line.count("\n") == 1
    assert "hunter2" not in line


def test_without_the_package_for_socks_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", SOCKS)
    monkeypatch.setitem(sys.modules, "socksio", None)

    with pytest.raises(ValueError, match=r"the proxy socks5://127.0.0.1:1 needs `pip install socksio`"):
        Client(f"http://{SERVICE}")
    monkeypatch.setenv("NO_PROXY", SERVICE)
    Client(f"http://{SERVICE}").close()


def test_a_service_is_reached_through_socks(
    monkeypatch: pytest.MonkeyPatch, socks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("socksio")
    monkeypatch.setenv("ALL_PROXY", socks)
    url = f"http://{SERVICE}:8000"

    async def post() -> str:
        async with AsyncClient(url) as client:
            return str((await client.submit("x")).status)

    assert cli.main(["--url", url, "list"]) == 0
    assert asyncio.run(post()) == "queued"
    assert doctor.api(url).message.startswith(f"{url} is not ready")


def test_webhooks_go_straight_to_their_receivers(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, make_settings: Callable[..., Settings], receiver: Receiver
) -> None:
    for name in NAMES[:3]:
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    api = serve(webhooks=ALLOWED)
    job_id = api.post("/jobs", json={"prompt": "x", "webhook": {"url": f"{receiver.url}/ok"}}).json()["id"]
    api.post(f"/jobs/{job_id}/cancel")

    with sending(make_settings(webhooks=ALLOWED)):
        assert receiver.next().message["data"]["status"] == "canceled"


@pytest.fixture
def socks(serve: Serve) -> Iterator[str]:
    """A SOCKS5 proxy that leads every name to one API."""
    service = ("127.0.0.1", serve(api={"hosts": SERVICE}).base_url.port or 0)
    listener = socket.create_server(("127.0.0.1", 0))
    ends = [listener]

    def greet(near: socket.socket) -> None:
        near.recv(64)
        near.sendall(b"\x05\x00")  # no login
        assert near.recv(256)[:4] == b"\x05\x01\x00\x03"  # connect to a name
        near.sendall(b"\x05\x00\x00\x01" + bytes(6))

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                greet(near)
                far = socket.create_connection(service)
                ends.extend((near, far))
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(source, target), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"socks5h://127.0.0.1:{listener.getsockname()[1]}"
    for end in ends:
        end.close()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
