"""The service about itself: the queue, its health, its schemas, the video models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.http.dependencies import ClientName, TheParts
from api.http.keyed_route import KeyedRoute
from api.http.metrics import exposition
from api.http.openapi import errors
from api.http.problems import NotReady
from scriptqueue.responses import Health, MinuteView, QueueView, TargetLimits, TargetList, TargetView, Worker
from scriptqueue.schemas import JobRequest, Status, Storyboard
from shared.board.targets.table import TARGETS, Target
from shared.errors import StoreUnavailable
from shared.eta import cost_of
from shared.store.stats import queue_stats
from shared.url_prefix import reached_at

TYPICAL_COST = cost_of(JobRequest(prompt="a prompt and nothing else"))

router = APIRouter(tags=["service"])
guarded = APIRouter(tags=["service"], route_class=KeyedRoute)


class SchemaResponse(JSONResponse):
    media_type = "application/schema+json"


@guarded.get("/queue", responses=errors(StoreUnavailable))
async def queue(client: ClientName, parts: TheParts) -> QueueView:
    """How full the queue is and who works on it. A worker whose model is `stub` writes no real storyboards. Where the
    models of ready workers differ, whichever is free writes a job that names none; the job's own `model`
    says which."""
    figures = await parts.submissions.queue()
    return QueueView(
        depth=figures.depth,
        running=len(figures.running),
        workers=[Worker.model_validate(worker, from_attributes=True) for worker in figures.workers],
        tokens_per_s=round(sum(worker.tokens_per_s for worker in figures.workers), 1),
        unserved=figures.unserved,
        webhook_senders=figures.senders,
        failures_last_hour=figures.failures,
        last_hour=[_minute(minute, counts) for minute, counts in figures.minutes.items()],
        eta_s=figures.eta_s(figures.last("normal", client, parts.settings.api.weight_of(client)), TYPICAL_COST),
    )


def _minute(minute: int, counts: Mapping[str, int]) -> MinuteView:
    ends = {status: counts.get(status, 0) for status in Status if status.done}
    cached = counts.get("cache:hit", 0) + counts.get("cache:shared", 0)
    return MinuteView.model_validate({"minute": datetime.fromtimestamp(minute * 60, UTC), "cached": cached, **ends})


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process lives; says nothing of Redis or workers."""
    return Health(status="ok")


@router.get("/readyz", responses=errors(StoreUnavailable, NotReady))
async def readyz(parts: TheParts) -> Health:
    """Whether a job posted now runs: Redis answers, is fit for jobs, and a worker is ready."""
    parts.trust.require()
    workers = (await parts.submissions.queue()).workers
    if not any(worker.serves_jobs for worker in workers):
        states = ", ".join("ready without rows" if worker.state == "ready" else worker.state for worker in workers)
        raise NotReady(f"No worker is ready; there are {len(workers)}" + (f" ({states})" if states else ""))
    return Health(status="ready")


@guarded.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **errors(StoreUnavailable),
    },
)
async def metrics(_: ClientName, parts: TheParts) -> Response:
    """Figures for Prometheus: jobs, queue and workers as Redis counts them, HTTP as this process saw it."""
    figures = exposition(parts.registry, await queue_stats(parts.store))
    return Response(figures, media_type=CONTENT_TYPE_LATEST)


@router.get("/schemas/storyboard.json", response_class=SchemaResponse)
async def storyboard_schema() -> dict[str, Any]:
    """The JSON Schema of a storyboard."""
    schema = Storyboard.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": reached_at("/schemas/storyboard.json"),
        **schema,
    }


@router.get("/targets")
async def targets() -> TargetList:
    """The video models that `targets` of a request may name: their limits, and the negative prompt for each."""
    return TargetList(targets=[_shown(target) for target in TARGETS.values()])


def _shown(target: Target) -> TargetView:
    limits = {name: value or None for name, value in vars(target.limits).items()}
    return TargetView(
        limits=TargetLimits.model_validate(limits, from_attributes=True),
        **{name: getattr(target, name) for name in TargetView.model_fields if name != "limits"},
    )
