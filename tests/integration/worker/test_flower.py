"""Flower beside a worker: a task is a job, under its id and never with a prompt; a revoke is a cancel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from shared.broker import celery_app
from shared.rings import QUEUE
from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import Process, done, flower_on, running, shown, submit, until


@pytest.fixture
def flower(redis_url: str, api: httpx.Client, start_worker: StartWorker, tmp_path: Path) -> Iterator[httpx.Client]:
    """With a login, beside a worker of one row."""
    start_worker(worker__max_batch=1)
    with flower_on(redis_url, tmp_path / "flower.log") as client:
        yield client


def test_flower_wants_its_login(flower: httpx.Client) -> None:
    for path in ("/", "/api/tasks", "/metrics"):
        assert httpx.get(f"{flower.base_url}{path}", trust_env=False).status_code == 401
    assert "flower_events_total" in flower.get("/metrics").text
    assert httpx.get(f"{flower.base_url}/healthcheck", trust_env=False).status_code == 200


def test_a_job_is_shown_while_it_runs_and_with_a_short_result_after(flower: httpx.Client, api: httpx.Client) -> None:
    job_id = submit(api, "一个不能出现的提示词", stub={"hang": True})
    running(api, job_id)
    task = shown(flower, job_id, "STARTED")
    assert (task["name"], task["args"]) == ("scriptqueue.run", job_id)
    assert api.get(f"/jobs/{job_id}").json()["status"] == "running"
    api.post(f"/jobs/{job_id}/cancel")

    job_id = submit(api, "另一个不能出现的提示词")
    done(api, job_id)
    after = shown(flower, job_id, "SUCCESS")
    assert after["result"].startswith("3 scenes, ")
    assert "提示词" not in str(task) + str(after)


def test_its_figures_are_those_of_jobs(
    flower: httpx.Client, api: httpx.Client, redis_url: str, make_settings: Any
) -> None:
    """The last job of all has run when every doorbell, also the doubled ones, is answered."""
    with celery_app.make_app(make_settings(), patient=False) as app:
        assert app.control.enable_events(reply=True)  # as Flower does every few seconds
    running(api, hanging := submit(api, stub={"hang": True}))
    good = [submit(api) for _ in range(4)]
    bad = [submit(api, stub={"invalid": True}, allow_fallback=False) for _ in range(3)]
    alike = [submit(api, "同一个故事", use_cache=True) for _ in range(3)]
    given_up = submit(api)
    api.post(f"/jobs/{given_up}/cancel")
    with redis.Redis.from_url(redis_url) as client:
        client.lpush(f"{QUEUE}/1", *client.lrange(f"{QUEUE}/1", 0, -1))
    api.post(f"/jobs/{hanging}/cancel")
    for job_id in (*good, *bad, *alike):
        done(api, job_id)
    done(api, last := submit(api, priority="low"))

    shown(flower, last, "SUCCESS")

    expected = {"SUCCESS": [*good, *alike, last], "FAILURE": bad, "REVOKED": [hanging, given_up]}
    for state, ids in expected.items():
        assert set(flower.get("/api/tasks", params={"state": state}).json()) == set(ids)
    (figures,) = flower.get("/workers", params={"json": "1"}).json()["data"]
    counts = {kind: figures.get(f"task-{kind}", 0) for kind in ("received", "succeeded", "failed", "revoked")}
    assert counts == {"received": 13, "succeeded": 8, "failed": 3, "revoked": 2}
    assert flower.get(f"/api/task/info/{bad[0]}").json()["exception"] == "output_invalid"


def test_its_active_tasks_are_the_jobs_that_run(
    flower: httpx.Client, api: httpx.Client, redis_url: str, make_settings: Any
) -> None:
    """Here the doorbell that started it is another's, left over of a job that was canceled."""
    running(api, busy := submit(api, stub={"hang": True}))
    waits = submit(api, stub={"hang": True})
    with redis.Redis.from_url(redis_url) as client:
        until(lambda: client.lpop(f"{QUEUE}/1"), what="its own doorbell")
        canceled = submit(api)
        (left_over,) = until(lambda: client.lrange(f"{QUEUE}/1", 0, -1), what="a doorbell")
        client.lpush(f"{QUEUE}/1", *[left_over] * 5)
    for job_id in (canceled, busy):
        api.post(f"/jobs/{job_id}/cancel")
    running(api, waits)

    with celery_app.make_app(make_settings(), patient=False) as app:
        (active,) = app.control.inspect(timeout=5).active().values()

    assert [(task["id"], task["name"], task["args"]) for task in active] == [(waits, "scriptqueue.run", [waits])]


@pytest.mark.parametrize("terminate", ["true", "false"])
def test_a_running_job_that_is_revoked_is_canceled_and_its_row_is_free(
    terminate: str, flower: httpx.Client, api: httpx.Client
) -> None:
    job_id = submit(api, stub={"hang": True})
    running(api, job_id)

    assert flower.post(f"/api/task/revoke/{job_id}", params={"terminate": terminate}).status_code == 200

    assert done(api, job_id)["status"] == "canceled"
    shown(flower, job_id, "REVOKED")
    assert done(api, submit(api))["status"] == "succeeded"


def test_celerys_command_to_terminate_a_task_cancels_its_job_too(
    api: httpx.Client, start_worker: StartWorker, redis_url: str, tmp_path: Path
) -> None:
    start_worker(worker__max_batch=1)
    running(api, job_id := submit(api, stub={"hang": True}))

    command = ["celery", "-A", "worker.app", "control", "terminate", "SIGTERM", job_id]
    assert Process(command, {"SCRIPTQUEUE_REDIS__URL": redis_url}, tmp_path / "control.log").wait() == 0

    assert done(api, job_id)["status"] == "canceled"


def test_a_job_that_is_revoked_while_it_waits_is_canceled_at_once(flower: httpx.Client, api: httpx.Client) -> None:
    running(api, busy := submit(api, stub={"hang": True}))
    waits = submit(api)

    flower.post(f"/api/task/revoke/{waits}")

    assert done(api, waits)["status"] == "canceled"
    assert api.get(f"/jobs/{busy}").json()["status"] == "running"  # it never left the row
    shown(flower, waits, "REVOKED")
