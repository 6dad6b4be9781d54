"""Workers as Celery's users start and command them: refused options, two on a host, remote commands.

celery/celery#5333: `--autoscale` with threads, a crash at each second job. celery/celery#2938,
puckel/docker-airflow#496: workers of one name. Bogdanp/dramatiq#280: the second process on a host finds its port taken.
dimagi/open-chat-studio#1993: a worker cannot start for want of gevent. mher/flower#167: a traceback where a pool
was to grow.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from shared.broker import celery_app
from tests.integration.worker import processes
from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import ROOT, Fork, done, free_port, running, submit, until
from worker import node

STUB = {"model__name": "stub", "worker__lease_s": 1, "worker__max_batch": 1}
OWN_NAME = re.compile(rf"celery(-\d+)?@{re.escape(socket.gethostname())}")


class Two:
    """Workers on this host, started alike and without a name."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self.port = free_port()
        self.logs = [folder / f"alike{number}.log" for number in (1, 2)]
        settings = STUB | {"worker__metrics_port": self.port}
        self.forks = [processes.plain_fork(redis_url, log, **settings) for log in self.logs]

    def ports(self) -> list[int]:
        return [int(port) for log in self.logs for port in re.findall(r"metrics: 127\.0\.0\.1:(\d+)", log.read_text())]


@pytest.fixture
def two(redis_url: str, api: httpx.Client, tmp_path: Path) -> Iterator[Two]:
    workers = Two(redis_url, tmp_path)
    try:
        until(lambda: [w["state"] for w in api.get("/queue").json()["workers"]] == ["ready"] * 2, what="both are ready")
        yield workers
    finally:
        for fork in workers.forks:
            fork.close()


@pytest.fixture
def celery(make_settings: Any) -> Iterator[Celery]:
    with celery_app.make_app(make_settings(), patient=False) as app:
        yield app


@pytest.mark.slow
def test_two_workers_on_a_host_have_names_and_ports_of_their_own_and_answer_why(
    two: Two, celery: Celery, api: httpx.Client
) -> None:
    names = {name for reply in celery.control.ping(timeout=5, limit=2) for name in reply}
    assert len(names) == 2
    assert all(OWN_NAME.fullmatch(name) for name in names)
    inspect = celery.control.inspect(timeout=5, limit=2)
    assert [set(inspect.stats()), set(inspect.active_queues())] == [names, names]

    first, second = two.ports()
    assert first != second
    assert two.port in (first, second)
    for port in (first, second):
        assert "scriptqueue_worker_rows 1.0" in httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text

    commands: dict[str, dict[str, Any]] = {
        "rate_limit": {"task_name": "scriptqueue.run", "rate_limit": "1/h"},
        "pool_grow": {"n": 2},
        "pool_restart": {"reload": True},
        "cancel_consumer": {"queue": "sq:jobs"},
    }
    for name, arguments in commands.items():
        replies = celery.control.broadcast(name, arguments=arguments, reply=True, timeout=5, limit=2)
        assert len(replies) == 2
        for reply in replies:
            ((worker, answer),) = reply.items()
            assert worker in names
            assert answer["error"].startswith("nothing is changed: ")
    assert {done(api, submit(api), within_s=10)["status"] for _ in range(3)} == {"succeeded"}


@pytest.mark.slow
def test_a_purge_takes_doorbells_and_no_jobs(start_worker: StartWorker, celery: Celery, api: httpx.Client) -> None:
    start_worker(worker__max_batch=1)
    running(api, busy := submit(api, stub={"hang": True}))
    waits = submit(api)

    assert celery.control.purge() == 1
    api.post(f"/jobs/{busy}/cancel")

    assert done(api, waits, within_s=20)["status"] == "succeeded"


def test_an_option_that_is_not_followed_ends_the_worker_at_once_in_one_line(redis_url: str, tmp_path: Path) -> None:
    ways: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
        "--autoscale 4,1: ": (("--autoscale", "4,1"), STUB),
        "CELERY_WORKER_CONCURRENCY=4: ": ((), STUB | {"CELERY_WORKER_CONCURRENCY": 4}),
        "worker_concurrency=4: ": (("worker_concurrency=4",), STUB),
        "-D/--detach: ": (("-D",), STUB),
        "CELERY_BROKER_URL is set": ((), STUB | {"CELERY_BROKER_URL": "redis://elsewhere/1"}),
    }
    forks: dict[str, Fork] = {}
    with ExitStack() as stack:
        for number, (words, (arguments, settings)) in enumerate(ways.items()):
            log = tmp_path / f"way{number}.log"
            forks[words] = processes.plain_fork(redis_url, log, *arguments, **settings)
            stack.callback(forks[words].close)
        ended = {words: fork.wait() for words, fork in forks.items()}

    assert ended == dict.fromkeys(ways, 78)
    for words, fork in forks.items():
        (line,) = fork.log_text.splitlines()
        assert line.startswith("scriptqueue")
        assert words in line


def test_a_supervisor_starts_no_worker_for_a_pool_that_is_not_there(redis_url: str, tmp_path: Path) -> None:
    """Celery would end with a traceback of its own before our first line, and the next one, too."""
    settings = processes.environment_of(redis_url, STUB)
    process = processes.Process(["worker", "-P", "gevent"], settings, tmp_path / "supervisor.log")
    try:
        assert process.wait() == 78
    finally:
        process.close()

    assert process.log_text.startswith("scriptqueue: -P/--pool gevent: ")
    assert "Traceback" not in process.log_text


def test_a_name_is_held_until_its_process_ends_and_then_free(monkeypatch: pytest.MonkeyPatch) -> None:
    host = f"test-{free_port()}"
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    code = f"from worker.node import held; print([held('cuda1@{host}') for _ in range(2)], flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout
    assert other.stdout.readline() == "[True, False]\n"

    beside = node.own_node("cuda:1")
    other.communicate("\n")

    assert beside == f"cuda1-2@{host}"
    assert node.own_node("cuda:1") == f"cuda1@{host}"
    assert [node.own_node(device) for device in ("auto", "cpu", "cuda")] == [
        *(f"celery@{host}", f"celery-2@{host}", f"celery-3@{host}")
    ]
