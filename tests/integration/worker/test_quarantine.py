"""Garbage in the broker's lists: set aside, while the worker serves on."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from shared.broker.celery_app import make_app, ring
from shared.keys import QUARANTINE
from shared.rings import TASK, broker_lists
from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import Process, done, submit, until
from worker.quarantine import is_doorbell

ID = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def doorbell(make_settings: Any, redis_url: str) -> dict[str, Any]:
    """A real one, as it stands in its list."""
    ring(make_app(make_settings(), patient=False), ID, "normal")
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        text = client.rpop(broker_lists()[1])
    assert isinstance(text, str)
    return dict(json.loads(text))


def body(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def spoilt(doorbell: dict[str, Any]) -> dict[str, str]:
    """Every way of it that stock Celery dies of, loops on or drops."""

    def but(**changes: Any) -> str:
        return json.dumps({**doorbell, **changes})

    def headers(**changes: Any) -> str:
        return but(headers={**doorbell["headers"], **changes})

    def properties(**changes: Any) -> str:
        return but(properties={**doorbell["properties"], **changes})

    options = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return {
        "no JSON": "\x00\xff garbage",
        "a cut message": but()[:100],
        "a number": "42",
        "a list": "[1, 2]",
        "deep": "[" * 100_000,
        "an empty object": "{}",
        "bad base64": but(body="!!!"),
        "base64 of no JSON": but(body=base64.b64encode(b"no json").decode()),
        "a body of another shape": but(body=body({"args": []})),
        "an argument too many": but(body=body([[ID, ID], {}, options])),
        "an id that is no text": but(body=body([[{"a": 1}], {}, options])),
        "no properties": but(properties=None),
        "no delivery tag": properties(delivery_tag=None),
        "no delivery info": properties(delivery_info=None),
        "another encoding": properties(body_encoding="rot13"),
        "pickle": but(**{"content-type": "application/x-python-serialize"}),
        "an unknown charset": but(**{"content-encoding": "klingon"}),
        "no headers": but(headers=None),
        "an unknown task": headers(task="os.system"),
        "compressed": headers(compression="bzip3"),
        "a far future": headers(eta="9999-99-99"),
        "an odd time limit": headers(timelimit="soon"),
    }


def test_a_doorbell_is_known_as_one(doorbell: dict[str, Any]) -> None:
    assert doorbell["headers"]["task"] == TASK
    assert is_doorbell(json.dumps(doorbell))


def test_nothing_spoilt_is_taken_for_a_doorbell(doorbell: dict[str, Any]) -> None:
    assert [name for name, text in spoilt(doorbell).items() if is_doorbell(text)] == []


def test_garbage_in_every_list_is_set_aside_and_the_worker_serves_on(
    api: httpx.Client, start_worker: StartWorker, redis_url: str, doorbell: dict[str, Any]
) -> None:
    garbage = list(spoilt(doorbell).values())
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        for name in broker_lists():
            client.lpush(name, *garbage)
        process: Process = start_worker()
        job = done(api, submit(api, priority="low"))
        until(lambda: client.llen(QUARANTINE) == len(garbage) * len(broker_lists()), 20, "all is set aside")

        assert job["status"] == "succeeded"
        assert set(client.lrange(QUARANTINE, 0, -1)) == {text[:65536] for text in garbage}
        client.lpush(broker_lists()[0], "more")
        assert done(api, submit(api))["status"] == "succeeded"
    process.terminate()
    assert process.wait() == 0


def test_celerys_own_commands_hear_the_workers_answers(
    api: httpx.Client, worker: Process, redis_url: str, tmp_path: Path
) -> None:
    """They come in lists, too, and are no doorbells."""
    command = ["celery", "-A", "worker.app", "inspect", "ping"]
    ping = Process(command, {"SCRIPTQUEUE_REDIS__URL": redis_url}, tmp_path / "ping.log")

    assert ping.wait() == 0, ping.log_text
    assert "pong" in ping.log_text
