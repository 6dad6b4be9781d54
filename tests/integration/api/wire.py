"""A wire to Redis that a test can cut, freeze and mend. Knows TCP only."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Wire:
    """Listens on a free port and carries every connection to `upstream`."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._flowing = threading.Event()
        self._flowing.set()
        self._deaf = False
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def cut(self) -> None:
        """Every connection breaks and new ones are refused."""
        _shut(self._listener)
        for end in self._open:
            _shut(end)
        self._open.clear()

    def shut_new(self) -> None:
        """As a firewall does that learns a rule late: open connections go on, new ones are made and nothing answers."""
        self._deaf = True

    def lead_to(self, upstream: tuple[str, int]) -> None:
        """New connections go there, as where a name or an address moves; open ones stay as they are."""
        self._upstream = upstream

    def freeze(self) -> None:
        """Connections stay and new ones are made, but nothing comes through."""
        self._flowing.clear()

    def mend(self) -> None:
        self._flowing.set()
        self._deaf = False
        if self._listener.fileno() == -1:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._start(self._accept, self._listener)

    def close(self) -> None:
        self._flowing.set()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                if self._deaf:
                    self._open.append(near)
                    continue
                try:
                    far = socket.create_connection(self._upstream)
                except OSError:  # nobody is at home: so it is told to who called, and the next may have more luck
                    _shut(near)
                    continue
                self._open += [near, far]
                self._start(self._carry, near, far)
                self._start(self._carry, far, near)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                self._flowing.wait()
                target.sendall(chunk)
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
