"""Whether Redis is fit is asked again: what turns out to drop jobs gets no new one, and what refuses us ends a start.

These happen on any day: compose or a reboot starts the API before its Redis, somebody
sets maxmemory-policy at run time, a replica is promoted the wrong way round.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from api import trust
from api.trust import Trust
from shared.errors import RedisUnfit, StoreUnavailable
from shared.settings import Settings
from shared.store.redis_server import Fitness, require_fit
from tests.integration.api.serving import Serve
from tests.integration.api.wire import Wire
from tests.integration.worker.processes import Process, free_port, until

OFTEN_S = 0.05
JOB = {"prompt": "x"}


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "FITNESS_EVERY_S", OFTEN_S)
    monkeypatch.setattr(trust, "REFUSED_FOR_S", 4 * OFTEN_S)


@pytest.fixture
def policy(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    yield redis_client
    redis_client.config_set("maxmemory-policy", "noeviction")


def refused(api: httpx.Client) -> bool:
    answers = [
        api.post("/jobs", json=JOB),
        api.post("/batches", json={"jobs": [JOB]}),
        api.get("/readyz"),
    ]
    return all(answer.status_code == 503 and "maxmemory-policy" in answer.json()["detail"] for answer in answers)


def test_a_redis_that_begins_to_drop_jobs_gets_no_new_one_until_it_is_mended(serve: Serve, policy: redis.Redis) -> None:
    api = serve()
    job_id = api.post("/jobs", json=JOB).json()["id"]

    policy.config_set("maxmemory-policy", "allkeys-lru")
    until(lambda: refused(api), 10, "new jobs are refused")
    assert api.get(f"/jobs/{job_id}").status_code == 200
    policy.config_set("maxmemory-policy", "noeviction")

    until(lambda: api.post("/jobs", json=JOB).status_code == 202, 10, "and taken again")


def test_a_redis_that_comes_after_its_api_is_looked_at_then(serve: Serve, wire: Wire, policy: redis.Redis) -> None:
    wire.cut()
    api = serve(redis={"url": f"redis://127.0.0.1:{wire.port}"})
    assert api.get("/readyz").json()["detail"] == "Redis: Connection refused"
    policy.config_set("maxmemory-policy", "volatile-ttl")

    wire.mend()

    until(lambda: refused(api), 10, "new jobs are refused")


def test_an_unfit_redis_ends_the_start(policy: redis.Redis, redis_url: str) -> None:
    policy.config_set("maxmemory-policy", "allkeys-lru")
    ends: list[RedisUnfit] = []

    asyncio.run(Trust(Settings(redis={"url": redis_url}), ends.append).begin())

    assert len(ends) == 1
    with pytest.raises(RedisUnfit, match="set maxmemory-policy noeviction"):
        require_fit(Settings(redis={"url": redis_url}))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, "scriptqueue: its maxmemory-policy is allkeys-lru"),
        ({"SCRIPTQUEUE_REDIS__URL": "redis://:s3/cr@h"}, "scriptqueue: SCRIPTQUEUE_REDIS__URL: a `/` in a password"),
        ({"SCRIPTQUEUE_MODEL__NAME": "'stub'"}, "scriptqueue: SCRIPTQUEUE_MODEL__NAME stands in quotes"),
    ],
)
def test_the_process_ends_with_78_and_one_line(
    policy: redis.Redis, redis_url: str, tmp_path: Path, change: dict[str, str], line: str
) -> None:
    policy.config_set("maxmemory-policy", "allkeys-lru")
    command = ["uvicorn", "api.app:app", "--port", str(free_port())]

    process = Process(command, {"SCRIPTQUEUE_REDIS__URL": redis_url, **change}, tmp_path / "api.log")

    assert process.wait() == 78
    assert process.log_text.count(line) == 1
    assert "Traceback" not in process.log_text


@pytest.mark.parametrize("served_before", [False, True])
def test_a_refusal_for_good_ends_only_a_process_that_never_served(
    redis_client: redis.Redis, redis_url: str, served_before: bool
) -> None:
    redis_client.execute_command("ACL", "SETUSER", "late", "reset", "on", ">x", "~*", "&*", "+@all")
    url = redis_url.replace("://", f"://late:{'x' if served_before else 'wrong'}@")
    ends: list[RedisUnfit] = []

    async def start() -> str:
        looks = Trust(Settings(redis={"url": url}), ends.append)
        await looks.begin()
        assert not ends  # a password may be about to change
        redis_client.execute_command("ACL", "SETUSER", "late", "-info")
        watching = asyncio.create_task(looks.watch())
        await asyncio.sleep(10 * OFTEN_S)
        watching.cancel()
        with pytest.raises(StoreUnavailable) as refused:
            looks.require()
        return str(refused.value)

    try:
        line = asyncio.run(start())
    finally:
        redis_client.acl_deluser("late")

    assert ("NOPERM" if served_before else "WRONGPASS") in line
    assert bool(ends) is not served_before


@pytest.mark.parametrize(
    ("setting", "value", "back", "word"),
    [("min-replicas-to-write", 1, 0, "NOREPLICAS"), ("maxmemory", 1, 0, "OOM command not allowed")],
)
def test_what_redis_answers_is_in_the_problem(
    serve: Serve, redis_client: redis.Redis, setting: str, value: int, back: int, word: str
) -> None:
    """CCA-Public/scope#127: "MISCONF ..." is what an operator searches for."""
    api = serve()
    redis_client.config_set(setting, value)
    try:
        problem = api.post("/jobs", json=JOB).json()
    finally:
        redis_client.config_set(setting, back)

    assert problem["code"] == "store_unavailable"
    assert word in problem["detail"]


def test_a_worker_logs_what_changed_once(policy: redis.Redis, redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    fitness = Fitness(Settings(redis={"url": redis_url}))
    with caplog.at_level(logging.INFO):
        for value in ("noeviction", "allkeys-lru", "allkeys-lru", "noeviction"):
            policy.config_set("maxmemory-policy", value)
            fitness.look()
    fitness.close()

    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [line.partition(" is ")[2].partition(",")[0] for line in lines] == ["allkeys-lru", "fit again"]


def test_a_redis_that_is_nearly_out_of_connections_is_named(
    redis_client: redis.Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    most = int(redis_client.config_get("maxclients")["maxclients"] or 0)
    fitness = Fitness(Settings(redis={"url": redis_url}))
    fitness.look()
    redis_client.config_set("maxclients", len(redis_client.client_list()))
    try:
        fitness.look()
        fitness.look()
    finally:
        redis_client.config_set("maxclients", most)
        fitness.close()

    assert sum("connections are open: raise its maxclients" in line for line in caplog.messages) == 1
