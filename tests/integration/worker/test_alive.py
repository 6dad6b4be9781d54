"""`python -m worker.alive`, what containers ask: a real worker and a sender's word in a real Redis."""

from __future__ import annotations

import socket

import httpx
import pytest
import redis

from shared import keys
from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import until
from worker.alive import main


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    """The process under test is on the tests' Redis."""
    monkeypatch.setenv("SCRIPTQUEUE_REDIS__URL", redis_url)


@pytest.mark.usefixtures("here")
def test_a_worker_is_alive_from_ready_to_its_end(
    api: httpx.Client, start_worker: StartWorker, capsys: pytest.CaptureFixture[str]
) -> None:
    before = main([])
    worker = start_worker()
    until(lambda: main([]) == 0, what="the worker serves")
    worker.terminate()
    worker.wait()

    assert before == main([]) == 1
    assert capsys.readouterr().err.splitlines()[0] == "scriptqueue: no worker on this host"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("host", "lapses_in_ms", "code"), [("", 5000, 0), ("", -1000, 1), ("other-", 5000, 1)])
def test_a_sender_is_alive_while_its_word_stands(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, host: str, lapses_in_ms: int, code: int
) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_WEBHOOKS__SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    with redis.Redis.from_url(redis_url) as client:
        now_ms = int(client.time()[0]) * 1000
        client.zadd(keys.SENDERS, {f"{host}{socket.gethostname()}:1:a": now_ms + lapses_in_ms})
        ended = main(["webhooks"])
        client.delete(keys.SENDERS)

    assert ended == code


@pytest.mark.usefixtures("here")
def test_without_a_secret_nobody_has_to_send() -> None:
    assert main(["webhooks"]) == 0


def test_what_is_asked_wrongly_or_of_nobody_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_REDIS__URL", "redis://127.0.0.1:1")

    assert main(["model"]) == 2
    assert main([]) == 1
    assert capsys.readouterr().err.startswith("usage: python -m worker.alive [webhooks]\nscriptqueue: Redis: ")
