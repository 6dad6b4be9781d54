"""The whole API as one application: settings, store, doorbell and routes, wired along the life of the process.

Changes nothing of the process around it, so any number may be made in one; what `uvicorn api.app:app` does to its
process is in app.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector
from starlette.middleware.cors import CORSMiddleware

from api.http import problems
from api.http.auth import Keys
from api.http.browsers import ALLOWED_BY_CORS, BrowserGuard
from api.http.connections import watch_descriptors
from api.http.dependencies import Parts
from api.http.error_middleware import Failsafe
from api.http.guide import INTRODUCTION, TAGS
from api.http.head import HeadAsGet
from api.http.metrics import HttpMeter
from api.http.openapi import DescribedAPI, operation_id
from api.http.prefix import Prefixed
from api.http.slow_clients import STOP_WAITING
from api.http.tracing import Traced
from api.lasting import lasting
from api.routes import batches, dead, deliveries, docs, events, jobs, page, problem_pages, results, service, takes
from api.sweeper import sweep
from api.trust import Trust
from api.webhooks import SENT
from scriptqueue.version import VERSION
from shared import traces
from shared.errors import RedisUnfit
from shared.setting_lists import listed
from shared.settings import Settings
from shared.store.connection import Store

CANCEL_AGAIN_S = 0.2


def refuse(error: RedisUnfit) -> None:
    """What such a Redis takes, it may lose."""
    raise error


def create_app(
    settings: Settings,
    when_started: Callable[[], None] = lambda: None,
    unusable: Callable[[RedisUnfit], None] = refuse,
) -> FastAPI:
    """The whole API on the Redis that the settings name; `when_started` is called before the first request,
    `unusable` where there will be none."""
    keys = Keys(settings.api.keys)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        trust = Trust(settings, unusable)
        await trust.begin()
        store = Store(settings)
        parts = app.state.parts = Parts.on(store, trust, settings, keys, registry)
        when_started()
        works = (
            lasting(parts.changes.listen),
            lasting(sweep, parts.submissions, parts.doorbell),
            lasting(trust.watch),
            lasting(watch_descriptors),
        )
        tasks = [asyncio.create_task(work) for work in works]
        try:
            yield {STOP_WAITING: parts.changes.stop_waiting}
        finally:
            await end(tasks)
            await store.close()
            trust.close()
            traces.stop()

    app = DescribedAPI(
        title="scriptqueue",
        version=VERSION,
        description=INTRODUCTION,
        openapi_tags=TAGS,
        lifespan=life,
        redirect_slashes=False,
        docs_url=None,  # api/routes/docs.py
        redoc_url=None,
        generate_unique_id_function=operation_id,
        exception_handlers=problems.HANDLERS,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # FastAPI's; ours are tracing.py and metrics.py
    )
    app.authenticated = bool(keys)
    app.webhooks.include_router(SENT)
    origins = listed(settings.api.cors_origins)
    app.add_middleware(HeadAsGet)
    app.add_middleware(BrowserGuard, hosts=None if keys else listed(settings.api.hosts), origins=origins)
    app.add_middleware(Failsafe)
    if origins:  # outside all that may refuse: a preflight has no key, and a page must be able to read an error
        app.add_middleware(CORSMiddleware, allow_origins=origins, **ALLOWED_BY_CORS)
    app.add_middleware(HttpMeter, registry=registry)
    app.add_middleware(Prefixed)
    if settings.traces.endpoint:
        app.add_middleware(Traced)
    app.include_router(jobs.router)
    app.include_router(batches.router)
    app.include_router(results.of_jobs)
    app.include_router(takes.of_takes)
    app.include_router(takes.boards)
    app.include_router(results.of_batches)
    app.include_router(events.router)
    app.include_router(deliveries.router)
    app.include_router(dead.router)
    app.include_router(service.guarded)
    app.include_router(service.router)
    app.include_router(problem_pages.router)
    app.include_router(page.router)
    app.include_router(docs.router)
    app.mount(docs.SWAGGER_FILES, docs.FILES_APP)
    return app


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancels until all have ended: Python 3.11's `asyncio.wait_for`, which redis-py sends with, may swallow one."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
