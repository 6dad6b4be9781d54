"""An API in a thread and worker processes beside it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis

from tests.integration.api.serving import served
from tests.integration.worker import processes

StartWorker = Callable[..., processes.Process]
Words = Callable[[], set[str]]


@contextmanager
def api_of(settings: Any) -> Iterator[httpx.Client]:
    with served(settings) as url, httpx.Client(base_url=url, timeout=70, trust_env=False) as client:
        yield client


@pytest.fixture
def api(make_settings: Any) -> Iterator[httpx.Client]:
    with api_of(make_settings(worker={"lease_s": 1})) as client:
        yield client


@pytest.fixture
def start_worker(redis_url: str, tmp_path: Path) -> Iterator[StartWorker]:
    """`start_worker(worker__max_batch=1)`: another stub worker, which need not be ready yet.

    Forked, unless it is `supervised` or started by its `command`.
    """
    with ExitStack() as stack:
        count = 0

        def start(*, supervised: bool = False, command: bool = False, **settings: Any) -> processes.Process:
            nonlocal count
            count += 1
            log = tmp_path / f"worker{count}.log"
            settings = {"model__name": "stub", "worker__lease_s": 1, **settings}
            if supervised or command:
                process = processes.worker(redis_url, log, supervised=supervised, **settings)
            else:
                process = processes.forked_worker(redis_url, log, **settings)
            stack.callback(process.close)
            return process

        yield start


@pytest.fixture
def worker(start_worker: StartWorker, api: httpx.Client) -> processes.Process:
    """One stub worker that is ready."""
    process = start_worker()
    processes.until(lambda: api.get("/readyz").status_code == 200, what="a worker is ready")
    return process


@pytest.fixture
def words(redis_url: str) -> Iterator[Words]:
    """Every state that any worker has ever told Redis."""
    states: set[str] = set()
    end = uuid4().hex
    with redis.Redis.from_url(redis_url, socket_timeout=None) as client, client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                states.update(re.findall(r'"state\W+(\w+)', command["command"]))
                if end in command["command"]:
                    return

        listener = threading.Thread(target=listen)
        listener.start()

        def all_of_them() -> set[str]:
            with redis.Redis.from_url(redis_url) as last:
                last.echo(end)
            listener.join()
            return states

        yield all_of_them
        if listener.is_alive():
            all_of_them()
