"""A receiver of webhooks on loopback, which does to a sender what its path says, and the sender itself in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from shared.settings import Settings
from shared.store.connection import Store
from shared.store.outbox import LEASE_S, Outbox
from worker.webhooks.courier import Courier
from worker.webhooks.network import Resolver
from worker.webhooks.sender import Sender

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALLOWED = {"secret": SECRET, "allow_private": True}
TRY_S = 1.0


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """What a receiver makes of it: verified by the standard's own library."""
        return dict(Webhook(SECRET).verify(self.body, self.headers))


class Receiver:
    def __init__(self) -> None:
        self.received: list[Received] = []
        self.arrived = threading.Semaphore(0)
        self.leave = threading.Event()  # ends what hangs
        self.statuses: dict[str, int] = {}  # by path, instead of what the path says
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(self.path, dict(self.headers.items()), body))
                receiver.arrived.release()
                receiver.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        what = handler.path.strip("/")
        if what == "hangs":
            self.leave.wait(60)
            return
        if what == "dribbles":
            self._dribble(handler)
            return
        status, headers = {
            "fails": (500, {}),
            "redirects": (302, {"Location": f"{self.url}/ok"}),
            "gone": (410, {}),
            "busy": (503, {"Retry-After": "1800"}),
            "talks": (200, {}),
        }.get(what, (204, {}))
        handler.send_response(self.statuses.get(handler.path, status))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if what == "talks":
            self._dribble(handler)

    def _dribble(self, handler: BaseHTTPRequestHandler) -> None:
        """A byte now and then: each read succeeds, the whole never ends."""
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self.leave.wait(0.05):
                handler.wfile.write(b".")
        except OSError:
            pass

    def next(self, within_s: float = LEASE_S + 20) -> Received:
        """The last that came. What a sender took by a call whose answer was lost comes after its lease."""
        assert self.arrived.acquire(timeout=within_s), "nothing arrived"
        return self.received[-1]

    def paths(self) -> list[str]:
        return [received.path for received in self.received]

    def close(self) -> None:
        self.leave.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


@contextmanager
def sending(settings: Settings, resolve: Any = None, try_s: float = TRY_S) -> Iterator[None]:
    """A sender that runs meanwhile."""
    ready = threading.Event()
    senders: list[tuple[Sender, asyncio.AbstractEventLoop]] = []

    async def send() -> None:
        store = Store(settings)
        private = settings.webhooks.allow_private
        courier = Courier(settings.webhooks.secrets, resolve or Resolver(), allow_private=private, try_s=try_s)
        sender = Sender(Outbox(store, "test"), courier)
        senders.append((sender, asyncio.get_running_loop()))
        ready.set()
        await sender.run()
        await store.close()

    thread = threading.Thread(target=lambda: asyncio.run(send()))
    thread.start()
    try:
        assert ready.wait(10)
        yield
    finally:
        for sender, loop in senders:
            loop.call_soon_threadsafe(sender.stop)
        thread.join(20)
        assert not thread.is_alive()
