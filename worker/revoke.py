"""Revoking a task, from Flower or `celery control revoke`, is canceling its job: at once, whether it waits or runs.

Celery's own would only note the id until a doorbell comes, and a thread cannot be killed. Every worker hears of it;
canceling twice is canceling once.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.utils.functional import maybe_list
from celery.worker.control import control_command, ok
from celery.worker.request import Request

from shared.store.executions import Executions

_IDS = "[id1 [id2 [... [idN]]]]"


def register_commands(executions: Executions) -> None:
    """Before the consumer starts; takes the place of Celery's commands of these names."""
    command = partial(control_command, help="Cancel jobs.", variadic="task_id")
    command(name="revoke", signature=_IDS)(partial(_revoke, executions))
    command(name="terminate", signature=f"<signal> {_IDS}", args=[("signal", str)])(partial(_terminate, executions))


def _revoke(executions: Executions, state: Any, task_id: str | list[str], **_: Any) -> dict[str, str]:
    stand = {job_id: executions.cancel(job_id) for job_id in maybe_list(task_id)}
    return dict(ok(", ".join(f"{job_id}: {status}" for job_id, status in stand.items())))


def _terminate(executions: Executions, state: Any, signal: str, task_id: str | list[str], **_: Any) -> dict[str, str]:
    return _revoke(executions, state, task_id)


class UnkilledRequest(Request):  # type: ignore[misc]
    """A task that a cold shutdown leaves alone: its lease lapses and the job runs elsewhere."""

    def terminate(self, pool: Any, signal: Any = None) -> None: ...

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None: ...
