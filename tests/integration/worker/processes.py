"""Real processes for tests: a Celery worker and Flower, started by the commands that the README names or forked."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[3]
POLL_S = 0.05


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Process:
    """One process with its output in a file."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**os.environ, **environment},
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def wait(self, within_s: float = 30) -> int:
        return self._process.wait(within_s)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def log_text(self) -> str:
        return self.log.read_text()


class Fork(Process):
    """A Celery worker out of one process a session that has imported what each needs: a third of the CPU time until it
    is ready."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], log: Path, harm: Callable[[], None] | None = None
    ) -> None:
        self.log = log
        log.touch()
        server = multiprocessing.get_context("forkserver")
        server.set_forkserver_preload(["tests.integration.worker.zygote"])
        of_fork = {**os.environ, **environment}
        self._fork = server.Process(target=work, args=(arguments, of_fork, log, harm), daemon=True)
        self._fork.start()

    @property
    def pid(self) -> int:
        assert self._fork.pid
        return self._fork.pid

    def terminate(self) -> None:
        self._fork.terminate()

    def kill(self) -> None:
        self._fork.kill()
        self._fork.join()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def wait(self, within_s: float = 30) -> int:
        self._fork.join(within_s)
        if self._fork.exitcode is None:
            raise subprocess.TimeoutExpired(self._fork.name, within_s)
        return self._fork.exitcode

    def close(self) -> None:
        self.kill()


def work(
    arguments: list[str], environment: Mapping[str, str], log: Path, harm: Callable[[], None] | None = None
) -> None:
    """The life of a fork: `python -m` with these arguments, after what does it harm."""
    import celery.__main__

    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.argv = arguments
    if harm:
        harm()
    celery.__main__.main()


WORKER = ["celery", "-A", "worker.app", "worker", "--without-gossip", "--without-mingle"]


def worker(redis_url: str, log: Path, *, supervised: bool = False, **settings: Any) -> Process:
    """By the command: `worker(url, log, model__name="stub")`; keywords are settings."""
    command = ["worker"] if supervised else WORKER
    return Process([*command, "-n", f"{log.stem}@%h"], environment_of(redis_url, settings), log)


def forked_worker(redis_url: str, log: Path, harm: Callable[[], None] | None = None, **settings: Any) -> Fork:
    """The same, sooner. `harm` is done in the new process before it begins."""
    return Fork([*WORKER, "-n", f"{log.stem}@%h"], environment_of(redis_url, settings), log, harm)


def plain_fork(redis_url: str, log: Path, *arguments: str, **settings: Any) -> Fork:
    """`celery -A worker.app worker` with these arguments and no others; a setting in capitals is a variable's name."""
    return Fork(["celery", "-A", "worker.app", "worker", *arguments], environment_of(redis_url, settings), log)


def environment_of(redis_url: str, settings: Mapping[str, Any]) -> dict[str, str]:
    return {
        name if name.isupper() else f"SCRIPTQUEUE_{name}".upper(): str(value)
        for name, value in {**settings, "redis__url": redis_url}.items()
    }


@contextmanager
def flower_on(redis_url: str, log: Path) -> Iterator[httpx.Client]:
    """A client that is logged in to a Flower that knows at least one worker."""
    port = free_port()
    environment = {"SCRIPTQUEUE_REDIS__URL": redis_url, "FLOWER_BASIC_AUTH": "admin:secret"}
    process = Process(["celery", "-A", "worker.app", "flower", f"--port={port}"], environment, log)

    def sees_a_worker() -> bool:
        try:
            return "@" in client.get("/workers", params={"json": "1"}).text
        except httpx.HTTPError:
            return False

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=("admin", "secret"), trust_env=False) as client:
            until(sees_a_worker, what="Flower hears a worker's events")
            yield client
    finally:
        process.close()


def shown(flower: httpx.Client, job_id: str, state: str) -> dict[str, Any]:
    """The task once Flower tells it in this state."""

    def task() -> Any:
        answer = flower.get(f"/api/task/info/{job_id}")
        return answer.status_code == 200 and answer.json()["state"] == state and answer.json()

    return dict(until(task, what=f"Flower tells {state}"))


def until(true: Any, within_s: float = 60, what: str = "") -> Any:
    """The first true value of `true()`; fails after `within_s`. For states of other processes, which ring no bell."""
    deadline = time.monotonic() + within_s
    while not (value := true()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what or true}"
        time.sleep(POLL_S)
    return value


def done(api: httpx.Client, job_id: str, within_s: float = 60) -> dict[str, Any]:
    """The job once it is done."""

    def ended() -> Any:
        job = api.get(f"/jobs/{job_id}", headers={"Prefer": "wait=10"}).json()
        return job["done"] and job

    return dict(until(ended, within_s, what="done"))


def running(api: httpx.Client, job_id: str) -> dict[str, Any]:
    """The job once it runs."""
    return dict(
        until(lambda: (job := api.get(f"/jobs/{job_id}").json())["status"] == "running" and job, what="running")
    )


def submit(api: httpx.Client, prompt: str = "森林里的猫", stub: dict[str, Any] | None = None, **body: Any) -> str:
    """Each job has a generation of its own, unless `use_cache=True`."""
    metadata = {"stub": stub} if stub else {}
    answer = api.post("/jobs", json={"prompt": prompt, "use_cache": False, "metadata": metadata, **body})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
