"""Flower beside a worker: it shows jobs by their ids and never a prompt, and its revoke is a cancel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import Process, done, flower_on, running, shown, submit


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
    assert after["result"].strip("'").startswith("succeeded: 3 scenes")
    assert "提示词" not in str(task) + str(after)


@pytest.mark.parametrize("terminate", ["true", "false"])
def test_a_running_job_that_is_revoked_is_canceled_and_its_row_is_free(
    terminate: str, flower: httpx.Client, api: httpx.Client
) -> None:
    job_id = submit(api, stub={"hang": True})
    running(api, job_id)

    assert flower.post(f"/api/task/revoke/{job_id}", params={"terminate": terminate}).status_code == 200

    assert done(api, job_id)["status"] == "canceled"
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
