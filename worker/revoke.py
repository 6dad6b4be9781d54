"""Celery's commands, from Flower or its command line, are of jobs: revoking a task is canceling its job, at once,
whether it waits or runs, and the tasks that are active are the jobs that run here.

Celery's own would only note the id until a doorbell comes, and a thread cannot be killed. Every worker hears of it;
canceling twice is canceling once. And its own tasks are doorbells, of which some lead to another's job.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any

from celery.utils.functional import maybe_list
from celery.worker.control import control_command, inspect_command, ok
from celery.worker.request import Request

from shared.rings import TASK
from shared.store.executions import Executions
from worker.lease import LeaseKeeper

_IDS = "[id1 [id2 [... [idN]]]]"


def register_commands(executions: Executions, keeper: LeaseKeeper) -> None:
    """Before the consumer starts; takes the place of Celery's commands of these names."""
    command = partial(control_command, help="Cancel jobs.", variadic="task_id")
    command(name="revoke", signature=_IDS)(partial(_revoke, executions))
    command(name="terminate", signature=f"<signal> {_IDS}", args=[("signal", str)])(partial(_terminate, executions))
    inspect_command(name="active", alias="dump_active", help="Jobs that run.")(partial(_active, keeper))


def _revoke(executions: Executions, state: Any, task_id: str | list[str], **_: Any) -> dict[str, str]:
    stand = {job_id: executions.cancel(job_id) for job_id in maybe_list(task_id)}
    return dict(ok(", ".join(f"{job_id}: {status}" for job_id, status in stand.items())))


def _terminate(executions: Executions, state: Any, signal: str, task_id: str | list[str], **_: Any) -> dict[str, str]:
    return _revoke(executions, state, task_id)


def _active(keeper: LeaseKeeper, state: Any, **_: Any) -> list[dict[str, Any]]:
    """As Celery's `Request.info` has them; never a prompt."""
    return [
        {
            "id": attempt.claim.job_id,
            "name": TASK,
            "args": [attempt.claim.job_id],
            "kwargs": {},
            "type": TASK,
            "hostname": state.hostname,
            "time_start": time.time() - attempt.run_s,
            "acknowledged": False,
            "delivery_info": {},
            "worker_pid": os.getpid(),
        }
        for attempt in keeper.running()
    ]


class UnkilledRequest(Request):  # type: ignore[misc]
    """A task that a cold shutdown leaves alone: its lease lapses and the job runs elsewhere."""

    def terminate(self, pool: Any, signal: Any = None) -> None: ...

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None: ...
