"""The life of a worker: one process, one device, one model that stays in memory across jobs.

Wires settings, backend, lease keeper and runner together from its start to its end. Celery's pool is threads: a task
thread claims a job, hands it to the backend, and waits. Celery's signals log what a handler raises and go on, so until
the worker is ready nothing may reach them: it ends the process.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Thread, Timer
from typing import Any, NoReturn

from celery import signals

from scriptqueue.schemas import WorkerPhase
from shared import logs, traces
from shared.broker import celery_app
from shared.errors import EngineBroken, StoreUnavailable
from shared.rings import TASK, Ring, lane_model
from shared.settings import from_environment
from shared.store.executions import Executions
from shared.store.redis_server import Fitness, require_fit
from shared.store.scripts import scripts
from shared.workers import WorkerState, worker_name
from worker import dashboard, metrics, options, quarantine, remote, revoke
from worker.backend.backend import Backend, MetricValue
from worker.backend.load import load_backend
from worker.exits import EXIT_REPLACE, fatal
from worker.lease import LeaseKeeper
from worker.loading import watched
from worker.node import own_node
from worker.switching import share_the_lock
from worker.tasks import Runner, until_heard
from worker.watchdog import Probe, Verdict, Watchdog, stall_detector_of

log = logging.getLogger(__name__)

_POLL_S = 0.1
_SIGN_OFF_S = 3.0  # a little more than one command may wait for Redis

settings = from_environment()
app = celery_app.make_app(settings, patient=True)
quarantine.use_quarantine()
dashboard.guard_metrics()
dashboard.pass_over_service_links()
app.conf.worker_pool = "threads"  # as many as the backend has rows, see `_load`
app.conf.worker_disable_rate_limits = True
app.user_options["worker"].add(options.gate(settings, partial(own_node, settings.model.device)))


@dataclass(frozen=True)
class RunningWorker:
    """What the worker process holds once its model is loaded."""

    backend: Backend
    keeper: LeaseKeeper
    runner: Runner
    watchdog: Watchdog[Probe]

    def probe(self, *, listens: bool) -> Probe:
        """At this process, for its watchdog. Unless it `listens` yet, no doorbell waits for it."""
        liveness = self.backend.liveness()
        return Probe(
            steps=liveness.steps,
            unfinished=liveness.unfinished,
            doorbells=self.keeper.doorbells if listens else None,
            answered=self.runner.answered,
            free=self.backend.slots - self.runner.busy,
            broken=self.backend.broken or silence_of(self.keeper),
        )

    def prove(self) -> None:
        """That all lives which a job needs; raises `EngineBroken`."""
        unwatched = None if self.watchdog.alive else "nobody watches this worker"
        rowless = None if self.backend.slots else "there is no row for a job"
        if fault := self.probe(listens=False).broken or unwatched or rowless:
            raise EngineBroken(fault)


@dataclass
class Process:
    """How far the worker process is; `running` from the end of its loading on."""

    name: str
    node: str = ""  # Celery's name for it
    phase: WorkerPhase = "loading"
    keeper: LeaseKeeper | None = None
    running: RunningWorker | None = None

    def loaded(self) -> RunningWorker:
        assert self.running is not None  # set before the consumer starts
        return self.running

    def probe(self) -> Probe:
        return self.loaded().probe(listens=self.phase == "ready")

    def state(self) -> WorkerState:
        if self.running is None:
            named = settings.model
            return WorkerState(self.name, self.phase, named.name, named.device, named.dtype, slots=0, node=self.node)
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
            node=self.node,
            batching=backend.batching,
            attention=backend.attention,
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
        try:
            self._say_so(verdict)
        finally:
            os._exit(verdict.exit_code)

    def _say_so(self, verdict: Verdict) -> None:
        self.phase = "broken"
        if running := self.running:
            running.runner.draining = True
        with suppress(StoreUnavailable):
            Executions(settings, self.name).beat(self.state(), settings.worker.lease_s)
        if running and verdict.exit_code == EXIT_REPLACE:
            until = time.monotonic() + settings.worker.drain_s
            while running.keeper.running() and time.monotonic() < until:
                time.sleep(_POLL_S)
            running.keeper.stop_all()
            running.keeper.close()

    def give_up(self, code: int) -> NoReturn:
        """Ends a process that could not start. Nothing of it is waited for: a broken library's threads may not end."""
        try:
            if self.running:
                self.running.watchdog.close()  # it would have another reason to bite
            if self.keeper:
                goodbye = Thread(target=_sign_off, args=(self.keeper,), daemon=True)
                goodbye.start()
                goodbye.join(_SIGN_OFF_S)
            sys.stdout.flush()
        finally:
            os._exit(code)


def silence_of(keeper: LeaseKeeper) -> str | None:
    """Why nobody hears of this worker any more."""
    return None if keeper.alive else "the thread of the heartbeats has ended"


def _sign_off(keeper: LeaseKeeper) -> None:
    with suppress(Exception):  # why it ends was said; a word that is not taken back lapses by itself
        keeper.close()


process = Process(worker_name(os.getpid()))
until_ready = partial(fatal, "scriptqueue worker", process.give_up)


# Without Celery's events, which are of doorbells: lua/tasks.lua tells those of jobs.
@app.task(name=TASK, Request="worker.revoke:UnkilledRequest", send_events=False)
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
        celery_app.ring(app, doorbell.job_id, doorbell.priority, model=doorbell.model)
    except StoreUnavailable as error:
        log.warning("not rung (the sweep will): %s", error, extra={"job": doorbell.job_id})


@signals.setup_logging.connect
@until_ready()
def _log(**_: Any) -> None:
    logs.start_logs(settings.log)
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)  # it would say that a failed job's task succeeded


@signals.worker_init.connect
@until_ready()
def _load(sender: Any, **_: Any) -> None:
    """Before the consumer starts: no doorbell is answered by a worker that has no model yet."""
    logs.start_logs(settings.log)  # Celery sets its logging up after this
    share_the_lock()
    scripts()  # what is missing is missed here and not in a thread
    process.node = str(sender.hostname)
    keeper = LeaseKeeper(Executions(settings, process.name), settings.worker.lease_s, process.state, _ring)
    keeper.start()
    process.keeper = keeper
    metrics.serve_metrics(settings.worker, process.metric_values)
    traces.start_traces(settings.traces, "scriptqueue-worker")
    looked = redis_is_fit()
    with watched(settings.worker.stall_s, partial(silence_of, keeper), process.leave):
        backend = load_backend(settings)
    if not looked:
        until_heard(lambda: require_fit(settings))
    sender.concurrency = backend.slots  # Celery makes its pool after this signal: a thread for each row
    executions = Executions(settings, process.name, model=backend.model_info(None).name)
    runner = Runner(executions, keeper, backend, _ring)
    watchdog = Watchdog(stall_detector_of(settings.worker, backend.device), process.probe, process.leave)
    process.running = RunningWorker(backend, keeper, runner, watchdog)
    watchdog.start()
    if model := process.state().named_by_jobs:
        celery_app.hear_model(app, lane_model(model))
    revoke.register_commands(executions, keeper)
    remote.refuse_commands()


@signals.worker_ready.connect
@until_ready()
def _ready(**_: Any) -> None:
    if process.phase != "loading":  # it was told to end meanwhile
        return
    running = process.loaded()
    with suppress(StoreUnavailable):
        executions = Executions(settings, process.name)
        for namesake in executions.namesakes(process.node):
            log.warning("worker %s is %s too: monitors take both for one; give it a name by -n", namesake, process.node)
        for rival in executions.rivals(running.backend.gpu):
            log.warning("worker %s uses this GPU too: both share its memory; give each its own MODEL__DEVICE", rival)
    running.prove()
    Thread(target=Fitness(settings).keep_looking, name="fitness", daemon=True).start()
    process.phase = "ready"
    log.info("ready: %s", process.state())


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
