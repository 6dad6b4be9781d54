"""`uvicorn api.app:app`: the API process, made by its environment.

Holds no job: everything is in Redis, so any number of these may run side by side. What is changed of the whole process
is changed here and nowhere else: its logs, its traces, uvicorn's patience and its connections, the limit of file
descriptors, what the garbage collector looks at.
"""

from __future__ import annotations

import gc
import os
import sys

from fastapi import FastAPI

from api.http import connections, http_1_0, metrics, one_write, slow_clients
from api.wiring import create_app
from shared import logs, traces
from shared.broker import celery_app
from shared.errors import RedisUnfit, SettingsInvalid
from shared.settings import from_environment

_EXIT_UNUSABLE = 78  # as a worker's: the same start would end the same way


def _app_of_the_environment() -> FastAPI:
    try:
        settings = from_environment()
        celery_app.require_alone(settings)
        traces.start_traces(settings.traces, "scriptqueue-api")
    except SettingsInvalid as error:
        print(f"scriptqueue: {error}", file=sys.stderr)
        sys.exit(_EXIT_UNUSABLE)
    logs.start_logs(settings.log)
    connections.bound_connections(connections.raise_descriptor_limit())
    slow_clients.watch_connections()
    http_1_0.answer_in_one_piece()
    one_write.write_at_once()
    metrics.share_between_processes()
    return create_app(settings, when_started=_freeze, unusable=_end)


def _end(error: RedisUnfit) -> None:
    """At once: no request was served, and uvicorn's own way out tells a traceback and another code."""
    print(f"scriptqueue: {error}", file=sys.stderr, flush=True)
    os._exit(_EXIT_UNUSABLE)


def _freeze() -> None:
    """What stands now stays: no collection need look at it again, which is a tenth of a request."""
    gc.collect()
    gc.freeze()


app = _app_of_the_environment()
