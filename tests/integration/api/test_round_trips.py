"""What a request costs Redis: its scripts and its round trips, counted by Redis itself. No time is measured here."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
import redis

from scriptqueue.schemas import PRIORITIES, Priority
from shared.broker import celery_app
from shared.broker.messages import Doorbells
from shared.rings import Ring, broker_lists
from shared.settings import Settings
from shared.store.connection import SyncStore
from tests.integration.api.handworker import HandWorker
from tests.integration.worker.processes import until

ID = "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"
OWN = frozenset({"client", "script", "info", "config", "ping", "hello", "select", "subscribe", "llen"})  # no request's


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an API does once a second by itself is not to be counted."""

    async def nothing(*_: Any) -> None:
        pass

    monkeypatch.setattr("api.wiring.sweep", nothing)
    monkeypatch.setattr("shared.store.submissions.FIGURES_FRESH_S", 3600)


def commands_of(client: redis.Redis, act: Any) -> list[str]:
    """The commands that connections sent meanwhile, in order; not what scripts called."""
    with client.monitor() as monitor:
        act()
        client.echo("the end")
        commands: list[str] = []
        for entry in monitor.listen():
            name = str(entry["command"]).split()[0].lower()
            if name == "echo":
                return commands
            if entry["client_type"] != "lua" and name not in OWN:
                commands.append(name)
    raise AssertionError("the monitor ended")


def test_a_read_is_one_round_trip(still: None, api: httpx.Client, redis_client: redis.Redis) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    api.get(f"/jobs/{job_id}")

    commands = commands_of(redis_client, lambda: [api.get(f"/jobs/{job_id}") for _ in range(3)])

    assert commands == ["evalsha"] * 3


def test_a_cancel_is_one_round_trip_that_brings_the_job(
    still: None, api: httpx.Client, redis_client: redis.Redis, worker: HandWorker
) -> None:
    first, waits, runs = (api.post("/jobs", json={"prompt": "x", "use_cache": False}).json()["id"] for _ in range(3))
    api.post(f"/jobs/{first}/cancel")  # a script's first call also brings its text
    worker.claim(runs)
    jobs: list[Any] = []

    commands = commands_of(
        redis_client, lambda: jobs.extend(api.post(f"/jobs/{job}/cancel").json() for job in (waits, runs))
    )

    assert commands == ["evalsha"] * 2
    assert [(job["id"], job["status"], job["queue"]) for job in jobs] == [
        (waits, "canceled", None),
        (runs, "canceling", None),
    ]


def test_a_post_is_one_script_that_queues_and_one_that_rings(
    still: None, api: httpx.Client, redis_client: redis.Redis
) -> None:
    api.post("/jobs", json={"prompt": "x", "use_cache": False})

    commands = commands_of(redis_client, lambda: api.post("/jobs", json={"prompt": "x", "use_cache": False}))

    assert commands == ["evalsha"] * 2
    assert redis_client.llen(broker_lists()[1]) == 2


def test_a_batch_of_a_thousand_is_told_and_rung_in_a_few_round_trips(
    still: None, api: httpx.Client, redis_client: redis.Redis
) -> None:
    jobs = [{"prompt": "x", "use_cache": False}] * 1000
    api.post("/batches", json={"jobs": jobs[:1]})

    def post_and_wait() -> None:
        api.post("/batches", json={"jobs": jobs})
        until(lambda: redis_client.llen(broker_lists()[1]) == 1001, what="all were rung")

    commands = commands_of(redis_client, post_and_wait)

    # It enters at once, is told in 8 pieces and rung in 10; a turn of the sweep may come between.
    assert set(commands) == {"evalsha"}
    assert 1 + 8 + 10 <= len(commands) <= 1 + 8 + 10 + 3


@pytest.mark.parametrize("priority", PRIORITIES)
def test_a_doorbell_is_what_celery_itself_would_send(
    priority: Priority, make_settings: Any, redis_client: redis.Redis
) -> None:
    settings: Settings = make_settings()
    app = celery_app.make_app(settings, patient=False)

    celery_app.ring(app, ID, priority)
    SyncStore(redis_client).call(
        "ring", **Doorbells(settings).arguments([Ring(ID, priority)])
    )  # as the API's store does

    theirs, ours = (_opened(redis_client.rpop(broker_lists()[PRIORITIES.index(priority)])) for _ in range(2))
    assert ours == theirs


def test_no_two_doorbells_have_one_tag(make_settings: Any) -> None:
    doorbells = Doorbells(make_settings())

    rung = doorbells.arguments([Ring(ID, "normal"), Ring(ID, "normal")])

    tags = {json.loads(doorbell["message"])["properties"]["delivery_tag"] for doorbell in rung["doorbells"]}
    assert len(tags) == 2


def _opened(text: Any) -> dict[str, Any]:
    """The message without what differs from one Celery app or message to the next: tag, sender, time."""
    message = json.loads(text)
    body = json.loads(base64.b64decode(message["body"]))
    if isinstance(body, dict):
        assert isinstance(body.pop("timestamp"), float)
        assert isinstance(body.pop("clock"), int)
        body.pop("hostname")
    assert len(message["properties"].pop("delivery_tag")) == 36
    message["properties"].pop("reply_to", None)
    message["headers"].pop("origin", None)
    message["headers"].pop("hostname", None)
    return {**message, "body": body}
