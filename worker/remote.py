"""Celery's remote commands that this worker does not follow, from `celery control` or Flower: each answers why, and
what does what was wanted.

A thread pool cannot grow, a job's limits are its request's, and a worker that stops consuming while it lives would be
shown as ready. Knows Celery's panel of commands; not what a job is.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.worker.control import control_command, nok, ok

from shared.rings import QUEUE

_ROWS = "a worker's rows stay as many as they are: start it with another SCRIPTQUEUE_WORKER__MAX_BATCH"
REFUSED_COMMANDS = {
    "rate_limit": "no rate limits jobs in a worker; SCRIPTQUEUE_API__RATE_PER_MINUTE limits each client's new ones",
    "time_limit": "a job's limit is its request's `execution_timeout_s`",
    "pool_grow": _ROWS,
    "pool_shrink": _ROWS,
    "autoscale": _ROWS,
    "pool_restart": "threads are not restarted: end the worker (`celery control shutdown`, SIGTERM) and start another",
    "cancel_consumer": "a worker takes jobs as long as it lives: `celery control shutdown` or SIGTERM lets it finish",
    "revoke_by_stamped_headers": "doorbells bear no stamps: revoke jobs by their ids",
    "disable_events": "events of jobs are Redis' own, and nobody needs to be rid of them",
}


def refuse_commands() -> None:
    """Takes the place of Celery's commands of these names."""
    for name, why in REFUSED_COMMANDS.items():
        control_command(name=name, help=f"Not here: {why}.")(partial(_refuse, why))
    control_command(name="add_consumer", help="Not here: jobs have one queue.")(_add_consumer)


def _refuse(why: str, state: Any, **_: Any) -> dict[str, str]:
    return dict(nok(f"nothing is changed: {why}"))


def _add_consumer(state: Any, queue: str, **_: Any) -> dict[str, str]:
    if queue == QUEUE:
        return dict(ok(f"consumes from {QUEUE}, as always"))
    return _refuse(f"jobs have one queue, {QUEUE}", state)
