"""`celery -A worker.app worker`: one process, one device, one model that stays in memory across jobs.

Wires settings, backend, lease keeper and runner together along the life of the process. Celery's pool is threads: a
task thread claims a job, hands it to the backend, and waits.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer
from typing import Any

from celery import signals

from scriptqueue.schemas import WorkerPhase
from shared import logs, traces
from shared.broker import celery_app
from shared.errors import ModelUnavailable, RedisUnfit, SettingsInvalid, StoreUnavailable
from shared.rings import Ring
from shared.settings import from_environment
from shared.store.executions import Executions
from shared.store.redis_server import require_fit
from shared.workers import WorkerState, worker_name
from worker import metrics, quarantine, revoke
from worker.backend.backend import Backend, MetricValue
from worker.backend.load import load_backend
from worker.exits import EXIT_REPLACE, EXIT_UNUSABLE
from worker.lease import LeaseKeeper
from worker.tasks import Runner, until_heard
from worker.watchdog import Probe, Verdict, Watchdog, stall_detector_of

log = logging.getLogger(__name__)

_POLL_S = 0.1

try:
    settings = from_environment()
except SettingsInvalid as error:
    print(f"scriptqueue: {error}", file=sys.stderr)
    sys.exit(EXIT_UNUSABLE)

app = celery_app.make_app(settings, patient=True)
quarantine.use_quarantine()
app.conf.update(worker_pool="threads", worker_concurrency=settings.worker.max_batch)


@dataclass(frozen=True)
class RunningWorker:
    """What the worker process holds once its model is loaded."""

    backend: Backend
    keeper: LeaseKeeper
    runner: Runner
    watchdog: Watchdog

    def probe(self) -> Probe:
        """At this process, for its watchdog."""
        liveness = self.backend.liveness()
        silent = None if self.keeper.alive else "the thread of the heartbeats has ended"
        return Probe(
            steps=liveness.steps,
            unfinished=liveness.unfinished,
            doorbells=self.keeper.doorbells,
            answered=self.runner.answered,
            free=self.backend.slots - self.runner.busy,
            broken=self.backend.broken or silent,
        )


@dataclass
class Process:
    """How far the worker process is; `running` from the end of its loading on."""

    name: str
    phase: WorkerPhase = "loading"
    running: RunningWorker | None = None

    def loaded(self) -> RunningWorker:
        assert self.running is not None  # set before the consumer starts
        return self.running

    def state(self) -> WorkerState:
        if self.running is None:
            named = settings.model
            return WorkerState(self.name, self.phase, named.name, named.device, named.dtype, slots=0)
        backend = self.running.backend
        model = backend.model_info(None)
        return WorkerState(
            worker=self.name,
            state=self.phase,
            model=model.name,
            device=backend.device,
            dtype=model.dtype or "none",
            slots=backend.slots,
            busy=len(self.running.keeper.running()),
            tokens_per_s=backend.tokens_per_s,
            serves=backend.serves,
            gpu=backend.gpu,
        )

    def metric_values(self) -> tuple[MetricValue, ...]:
        state = self.state()
        return (
            MetricValue("rows", "Jobs that can run at once.", state.slots),
            MetricValue("rows_busy", "Jobs that run.", state.busy),
            MetricValue("tokens_per_second", "Over the last ten seconds.", state.tokens_per_s),
            *(self.running.backend.metric_values() if self.running else ()),
        )

    def leave(self, verdict: Verdict) -> None:
        """Ends the process; its supervisor starts another. Where no job is to blame, what runs may finish first."""
        running = self.loaded()
        self.phase, running.runner.draining = "broken", True
        with suppress(StoreUnavailable):
            Executions(settings, self.name).beat(self.state(), settings.worker.lease_s)
        if verdict.exit_code == EXIT_REPLACE:
            until = time.monotonic() + settings.worker.drain_s
            while running.keeper.running() and time.monotonic() < until:
                time.sleep(_POLL_S)
            running.keeper.stop_all()
            running.keeper.close()
        os._exit(verdict.exit_code)


process = Process(worker_name(os.getpid()))


@app.task(name=celery_app.TASK, Request="worker.revoke:UnkilledRequest")
def run(job_id: str) -> str:
    with logs.about(job_id):
        return process.loaded().runner.run(job_id)


def redis_is_fit() -> bool:
    """False: it is away, and the model can be loaded meanwhile. Raises `RedisUnfit`."""
    try:
        require_fit(settings)
    except StoreUnavailable as error:
        log.warning("%s; looked at again when the model is loaded", error)
        return False
    return True


def _ring(doorbell: Ring) -> None:
    try:
        celery_app.ring(app, doorbell.job_id, doorbell.priority)
    except StoreUnavailable as error:
        log.warning("not rung (the sweep will): %s", error, extra={"job": doorbell.job_id})


@signals.setup_logging.connect
def _log(**_: Any) -> None:
    logs.start_logs(settings.log)


@signals.worker_init.connect
def _load(**_: Any) -> None:
    """Before the consumer starts: no doorbell is answered by a worker that has no model yet."""
    logs.start_logs(settings.log)  # Celery sets its logging up after this
    keeper = LeaseKeeper(Executions(settings, process.name), settings.worker.lease_s, process.state, _ring)
    keeper.start()
    metrics.serve_metrics(settings.worker, process.metric_values)
    try:
        traces.start_traces(settings.traces, "scriptqueue-worker")
        looked = redis_is_fit()
        backend = load_backend(settings)
        if not looked:
            until_heard(lambda: require_fit(settings))
    except (RedisUnfit, ModelUnavailable, SettingsInvalid) as error:
        keeper.close()
        print(f"scriptqueue worker: {error}", file=sys.stderr, flush=True)
        sys.exit(EXIT_UNUSABLE)
    executions = Executions(settings, process.name)
    runner = Runner(executions, keeper, backend, _ring)
    watchdog = Watchdog(
        stall_detector_of(settings.worker, backend.device), lambda: process.loaded().probe(), process.leave
    )
    process.running = RunningWorker(backend, keeper, runner, watchdog)
    revoke.register_commands(executions)


@signals.worker_ready.connect
def _ready(**_: Any) -> None:
    running = process.loaded()
    process.phase = "ready"
    log.info("ready: %s", process.state())
    with suppress(StoreUnavailable):
        for rival in Executions(settings, process.name).rivals(running.backend.gpu):
            log.warning("worker %s uses this GPU too: both share its memory; give each its own MODEL__DEVICE", rival)
    running.watchdog.start()


@signals.worker_shutting_down.connect
def _drain(**_: Any) -> None:
    """Running jobs may finish for `DRAIN_S`; the rest is given back."""
    process.phase = "draining"
    if running := process.running:
        running.watchdog.close()
        running.runner.draining = True
        timer = Timer(settings.worker.drain_s, running.keeper.stop_all)
        timer.daemon = True
        timer.start()


@signals.worker_shutdown.connect
def _unload(**_: Any) -> None:
    if running := process.running:
        running.keeper.close()
        running.backend.close()
    traces.stop()
