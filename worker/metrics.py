"""The metrics of one worker process, at `WORKER__METRICS_PORT`: its batch, its jobs, its device.

Counters begin anew with each process, as Prometheus expects. Knows a backend's metric values, not how they come about.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import REGISTRY, Counter, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.settings import WorkerSettings
from shared.store.executions import Success
from worker.backend.backend import MetricValue

log = logging.getLogger(__name__)

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)

PORTS = 16  # that are tried: more than a host has cards
_OUTCOMES = ("succeeded", "failed", "canceled", "queued", "stale")
ATTEMPTS = Counter(
    "scriptqueue_worker_attempts", "Attempts that this process left, by what became of the job.", ("outcome",)
)
REPAIRS = Counter("scriptqueue_worker_repairs", "Mends that the storyboards of this process needed.")
TOKENS = Counter("scriptqueue_worker_storyboard_tokens", "Tokens of finished storyboards, forced ones included.")
_WAITED = Histogram("scriptqueue_job_wait_seconds", "From POST to the first start of a job.", buckets=SECONDS)
FIRST_SCENE = Histogram(
    "scriptqueue_job_first_scene_seconds", "From the start of an attempt to its first scene.", buckets=SECONDS
)
RAN = Histogram("scriptqueue_job_run_seconds", "From the start of an attempt to its storyboard.", buckets=SECONDS)


def serve_metrics(settings: WorkerSettings, metric_values: Callable[[], Iterable[MetricValue]]) -> None:
    """Answer Prometheus from a thread of its own, at the port or, where other workers of the host are there already, at
    one of the next. That none is free is no reason not to work."""
    for outcome in _OUTCOMES:
        ATTEMPTS.labels(outcome)  # a series must be there before its first increase is seen
    REGISTRY.register(_Now(metric_values))
    if settings.metrics_port:
        _listen(settings.metrics_host, settings.metrics_port)


def _listen(host: str, first: int) -> None:
    for port in range(first, min(first + PORTS, 65536)):
        try:
            start_http_server(port, host)
        except OSError as error:
            log.warning("no metrics at %s:%d: %s", host, port, error.strerror)
            if error.errno != errno.EADDRINUSE:
                return
        else:
            log.info("metrics: %s:%d", host, port)
            return


def count_outcome(outcome: str) -> None:
    """What the store says of a job when this process leaves it: its final status, `queued` again, or `stale`."""
    ATTEMPTS.labels(outcome).inc()


def note_success(success: Success, first_scene_s: float | None) -> None:
    """A storyboard that was written here, from the start of its attempt."""
    REPAIRS.inc(len(success.repairs))
    _WAITED.observe(success.metrics.queue_s)
    RAN.observe(success.metrics.run_s)
    TOKENS.inc(success.metrics.output_tokens)
    if first_scene_s is not None:
        FIRST_SCENE.observe(first_scene_s)


class _Now(Collector):
    """What is asked of the process at each scrape."""

    def __init__(self, metric_values: Callable[[], Iterable[MetricValue]]) -> None:
        self._metric_values = metric_values

    def describe(self) -> Iterator[Metric]:
        return iter(())  # nothing is asked before the process stands

    def collect(self) -> Iterator[Metric]:
        for metric in self._metric_values():
            family = CounterMetricFamily if metric.grows else GaugeMetricFamily
            yield family(f"scriptqueue_worker_{metric.name}", metric.meaning, value=metric.value)
