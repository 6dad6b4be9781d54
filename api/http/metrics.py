"""`/metrics` of the API: what the job store counts, and what this process saw of HTTP.

Figures of jobs come from Redis, so every API process tells the same; those of HTTP are each process's own, unless
`PROMETHEUS_MULTIPROC_DIR`, the client library's variable, names a folder in which `uvicorn --workers N` adds them up.
Names and units follow Prometheus' conventions. Knows no routes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scriptqueue.schemas import Source, Status, WorkerPhase
from shared.store.executions import Blame
from shared.store.stats import QueueStats

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_WAITED = b"preference-applied"  # an answer that was asked to wait says nothing of our speed
STATES: tuple[WorkerPhase, ...] = get_args(WorkerPhase)
RESULT_SOURCES: tuple[Source, ...] = get_args(Source)
_OUTCOMES = ("delivered", "failed", "given_up")  # of a webhook's event: `failed` is tried again
CACHE = ("hit", "shared", "miss")  # as lua/prelude.lua counts them
BLAMES: tuple[Blame, ...] = get_args(Blame)


class HttpMeter:
    """ASGI middleware: requests by route and status, and the time until an answer begins."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "scriptqueue_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._request_of = cache(self._requests.labels)  # finding the series costs more than counting
        self._seconds = Histogram(
            "scriptqueue_http_request_seconds",
            "Until the answer began; long polls are left out.",
            ("method", "route"),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )
        self._seconds_of = cache(self._seconds.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def note_start(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(
                    scope.get("route"), "path", "none"
                )  # only paths that exist: the number of series is ours
                method = scope["method"] if route != "none" else "any"
                self._request_of(method, route, message["status"]).inc()
                if _WAITED not in dict(message.get("headers", ())):
                    self._seconds_of(method, route).observe(time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, note_start)


def exposition(registry: CollectorRegistry, measures: QueueStats) -> bytes:
    """Prometheus' text format."""
    of_http = _AllProcesses() if os.environ.get(SHARED_FOLDER) else registry
    return generate_latest(of_http) + generate_latest(_Store(measures))


def share_between_processes() -> None:
    """Before the first figure: the library puts them into the folder, which must be there."""
    if folder := os.environ.get(SHARED_FOLDER):
        Path(folder).mkdir(parents=True, exist_ok=True)


class _AllProcesses(Collector):
    """What the processes of one folder counted, without what others than the API keep in it."""

    def collect(self) -> Iterator[Metric]:
        metrics = MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]
        yield from (metric for metric in metrics if metric.name.startswith("scriptqueue_http_"))


class _Store(Collector):
    """The job store at one moment."""

    def __init__(self, measures: QueueStats) -> None:
        self._measures = measures

    def collect(self) -> Iterator[Metric]:
        now = self._measures
        ended = {status.value: now.counts.get(status, 0) for status in Status if status.done}
        states = {state: sum(worker.state == state for worker in now.workers) for state in STATES}
        slots = sum(worker.slots for worker in now.workers if worker.serves_jobs)
        tokens_per_s = sum(worker.tokens_per_s for worker in now.workers)
        yield _counters("jobs", "Jobs that ended, by how.", "status", ended)
        yield _counters(
            "results", "Storyboards, by where they came from.", "source", _all(RESULT_SOURCES, now, "source")
        )
        yield _counters("cache", "Jobs that let another's result answer them.", "outcome", _all(CACHE, now, "cache"))
        yield _counters("lost_attempts", "Attempts whose worker went away.", "blame", _all(BLAMES, now, "lost"))
        yield _counters("webhook_tries", "Tries to deliver an event.", "outcome", _all(_OUTCOMES, now, "webhook"))
        yield _gauges("queue_depth", "Jobs that wait.", "priority", now.depth)
        yield _gauges("queue_oldest_seconds", "How long the first in line has waited.", "priority", now.oldest_s)
        yield _gauge("queued_work_seconds", "What waits, for all rows that are ready; none: unknown.", now.queued_s)
        yield _gauge("running_jobs", "Jobs that run.", now.running)
        yield _gauge("dead_jobs", "Jobs on the dead list.", now.dead)
        yield _gauge("quarantined_messages", "Messages set aside that were no doorbells.", now.quarantined)
        yield _gauges("workers", "Workers that live.", "state", states)
        yield _gauge("webhook_senders", "Processes that send webhooks.", now.senders)
        yield _gauge("ready_slots", "Jobs that can run at once on the workers that are ready.", slots)
        yield _gauge("tokens_per_second", "Of all workers together, over ten seconds.", tokens_per_s)


def _all(names: tuple[str, ...], measures: QueueStats, kind: str) -> dict[str, int]:
    """With those that have not happened yet: a series must be there before its first increase is seen."""
    return dict.fromkeys(names, 0) | measures.counted(kind)


def _counters(name: str, meaning: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"scriptqueue_{name}", meaning, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _gauges(name: str, meaning: str, label: str, values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"scriptqueue_{name}", meaning, labels=[label])
    for value, figure in values.items():
        family.add_metric([value], figure)
    return family


def _gauge(name: str, meaning: str, figure: float | None) -> Metric:
    return GaugeMetricFamily(f"scriptqueue_{name}", meaning, value=figure)
