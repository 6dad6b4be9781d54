"""Worker processes: they answer doorbells, renew, publish scenes, end their jobs, die, stand still and wake up late.

What worker/tasks.py and worker/lease.py do in threads is here a step each, so that anything may come between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from scriptqueue.schemas import Metrics, ModelInfo, Progress, Scene, Storyboard
from shared.errors import OutputInvalid, StoreUnavailable
from shared.rings import Ring, broker_lists, lane_model
from shared.settings import Settings
from shared.store.executions import Claim, Executions, Refused, Report, Resume, Success
from shared.store.record import failure_of
from shared.store.sweep import Sweeps
from shared.workers import WorkerState
from tests.simulate.clients import MODELS, Clients
from tests.simulate.promises import Promises
from tests.simulate.world import SyncCalls, World

HOSTS, ROWS, MOST_SCENES = 3, 2, 3
MODEL = ModelInfo(name="simulated", seed=1)
METRICS = Metrics(queue_s=0, run_s=1, prompt_tokens=1, output_tokens=1, tokens_per_s=1)


@dataclass
class Attempt:
    claim: Claim
    author: str  # no two are alike, whatever their tokens
    scenes: tuple[Scene, ...]
    stop: str = ""  # canceling | lost | draining
    outcome: str = ""  # decided, and to be heard


@dataclass
class Process:
    """One worker. `supervised`: somebody gives its jobs back when it has died."""

    name: str
    executions: Executions
    model: str = "m"  # that it serves; empty: it has none
    supervised: bool = True
    frozen: bool = False
    doorbells: list[str] = field(default_factory=list)  # taken, and not answered yet
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def has_row(self) -> bool:
        return len(self.doorbells) + len(self.attempts) < ROWS


@dataclass
class Dead:
    name: str
    executions: Executions
    attempts: list[Attempt]


class Workers:
    def __init__(self, world: World, settings: Settings, clients: Clients) -> None:
        self.world, self._settings, self._clients = world, settings, clients
        self._lease_s = settings.worker.lease_s
        self._executions = []
        for _ in range(HOSTS):
            executions = Executions(settings, "")
            executions._store = SyncCalls(world)  # type: ignore[assignment]
            self._executions.append(executions)

    def begin(self, promises: Promises) -> None:
        self.promises = promises
        self.born = 0
        self.authors = 0
        self.processes = [self._born(host) for host in range(HOSTS)]
        self.dead: list[Dead] = []

    # Steps.

    def take_doorbell(self, a: int, b: int, c: int) -> None:
        process = self._awake(a)
        if process and process.has_row and (job_id := self.world.pop(_heard_by(process, c))):
            process.doorbells.append(job_id)
            self.answer_doorbell(a, len(process.doorbells) - 1, c)

    def answer_doorbell(self, a: int, b: int, c: int) -> None:
        process = self._awake(a)
        if not process or not process.doorbells:
            return
        number = b % len(process.doorbells)
        claim = self._as(process).claim(process.doorbells[number])
        if claim == Refused("wait"):
            return
        del process.doorbells[number]
        if isinstance(claim, Claim):
            self.authors += 1
            process.attempts.append(Attempt(claim, f"{claim.job_id} by {self.authors}", claim.scenes))
            scenes = [scene.description for scene in claim.scenes]
            self.promises.claimed(claim.job_id, claim.token, scenes, process.model)

    def beat(self, a: int, b: int, c: int) -> None:
        if process := self._awake(a):
            self._as(process).beat(_state_of(process), self._lease_s)

    def serve_models(self, a: int, b: int, c: int) -> None:
        """From now on jobs name models, and workers serve these or none."""
        self._clients.names_models = True
        for host in range(HOSTS):
            self.restart(host, a // 3**host, 0)

    def restart(self, a: int, b: int, c: int) -> None:
        """Another process, of another model, in the place of one that is drained and has nothing left."""
        process = self._awake(a)
        if not process or not self._clients.names_models:
            return
        self.drain(a, b, c)
        if process.attempts:
            return
        model = MODELS[b % len(MODELS)] or ""
        self.processes[a % HOSTS] = self._born(a % HOSTS, model=model, supervised=process.supervised)
        self._as(process).beat(_state_of(process), 0)
        self.beat(a, b, c)

    def renew(self, a: int, b: int, c: int) -> None:
        """All that runs there; some may have one more scene."""
        process = self._awake(a)
        if not process or not (running := [attempt for attempt in process.attempts if not attempt.outcome]):
            return
        for number, attempt in enumerate(running):
            if (b >> number) % 2 and len(attempt.scenes) < MOST_SCENES:
                attempt.scenes += (_scene(len(attempt.scenes) + 1, attempt.author),)
        answers = self._as(process).renew([_report(attempt, c) for attempt in running])
        for attempt, answer in zip(running, answers, strict=True):
            if answer == "lost":
                self._lost(process, attempt)
                continue
            attempt.stop = attempt.stop or ("canceling" if answer == "canceling" else "")
            self.promises.renewed(attempt.claim.job_id, attempt.claim.token)
            self.promises.status(attempt.claim.job_id, "canceling" if answer == "canceling" else "running")
            if answer == "ok":
                self.promises.scenes(attempt.claim.job_id, [scene.description for scene in attempt.scenes])

    def end_job(self, a: int, b: int, c: int) -> None:
        """One attempt writes its outcome; until it was heard it writes the same again."""
        process = self._awake(a)
        if not process or not process.attempts:
            return
        attempt = process.attempts[b % len(process.attempts)]
        default = "fail" if c % 5 == 0 else "succeed"
        stopped = {"canceling": "confirm", "draining": "give back"}
        attempt.outcome = attempt.outcome or stopped.get(attempt.stop, default)
        try:
            self._write(process, attempt)
        except StoreUnavailable:
            self.promises.given_up(attempt.claim.job_id, attempt.claim.token)  # it may have ended the job
            raise

    def drain(self, a: int, b: int, c: int) -> None:
        """SIGTERM: what runs is given back, and the process ends."""
        if process := self._awake(a):
            process.doorbells.clear()
            for attempt in process.attempts:
                attempt.stop = attempt.stop or "draining"

    def crash(self, a: int, b: int, c: int) -> None:
        host = a % HOSTS
        process = self.processes[host]
        if process.supervised:
            self.dead.append(Dead(process.name, process.executions, process.attempts))
        self.processes[host] = self._born(host, model=process.model, supervised=b % 4 > 0)

    def give_back_of_dead(self, a: int, b: int, c: int) -> None:
        """Its supervisor gives back what ran there."""
        if not self.dead:
            return
        dead = self.dead[a % len(self.dead)]
        runs_as = self.promises.runs_as
        held = [attempt for attempt in dead.attempts if runs_as(attempt.claim.job_id, attempt.claim.token)]
        for attempt in dead.attempts:
            self.promises.given_up(attempt.claim.job_id, attempt.claim.token)
        dead.executions.worker = dead.name
        self._clients.ring(dead.executions.release("crashes"))
        self.dead.remove(dead)
        for attempt in held:
            if attempt.claim.job_id in self.promises.jobs:
                self._clients.look_at(self.promises.jobs[attempt.claim.job_id].client, attempt.claim.job_id)
                self.promises.gave_back(attempt.claim.job_id)

    def end_as_older(self, a: int, b: int, c: int) -> None:
        """A version that knows no lanes of models cancels, or writes, what waits in one."""
        client, job_id = self._clients.in_hand(a)
        known, key = self.promises.jobs.get(job_id), f"sq:job:{job_id}"
        status, role, scenes = self.world.ask("HMGET", key, "status", "role", "scenes")
        if not known or not known.request.model or status != "queued" or role == "follower" or scenes:
            return
        self.promises.ended_by_older(job_id)
        if b % 2:
            self.world.call_of_older("cancel", {"id": job_id, "client": client})
            return
        token, author = f"older/{self.world.now_ms}", f"{job_id} by older"
        self.promises.wrote(job_id, author)
        self.world.ask(
            "HSET", key, "status", "running", "token", token, "worker", "older", "started", self.world.now_ms
        )
        written = {"result": _board(author).model_dump_json(), "source": "stub", "model": MODEL.model_dump_json()}
        fields = [{"field": name, "value": value} for name, value in (written | {"repairs": "[]"}).items()]
        self.world.call_of_older("finish", {"id": job_id, "token": token, "status": "succeeded", "gained": fields})

    def freeze(self, a: int, b: int, c: int) -> None:
        self.processes[a % HOSTS].frozen = True

    def wake(self, a: int, b: int, c: int) -> None:
        process = self.processes[a % HOSTS]
        if process.frozen:
            process.frozen = False
            if process.executions._sweeps._last_ms is not None:
                self._sweep(process)  # long overdue, so within the second

    # What others use.

    def sweeps(self) -> list[Callable[[], None]]:
        """What each worker does every second while it is awake."""
        return [partial(self._sweep, process) for process in self.processes if not process.frozen]

    def _sweep(self, process: Process) -> None:
        self._clients.ring(self._as(process).sweep())

    def hear_cancel(self, job_id: str) -> None:
        """A word of the channel, which reaches all that are awake."""
        for process in self.processes:
            for attempt in process.attempts:
                if not process.frozen and attempt.claim.job_id == job_id and not attempt.outcome:
                    attempt.stop = "canceling"

    def _write(self, process: Process, attempt: Attempt) -> None:
        claim, executions = attempt.claim, self._as(process)
        if attempt.outcome == "succeed":
            board = _board(attempt.author, attempt.scenes)
            self.promises.wrote(claim.job_id, attempt.author)
            answer = executions.succeed(claim, Success(board, "stub", (), MODEL, METRICS))
        elif attempt.outcome == "fail":
            self.promises.tells_failure(claim.job_id)
            answer = executions.fail(claim, failure_of(OutputInvalid()), MODEL)
        elif attempt.outcome == "confirm":
            answer = executions.confirm_cancel(claim)
        else:
            answer = executions.give_back(claim)
        if answer in ("stale", "unknown"):
            self._lost(process, attempt)
            return
        process.attempts.remove(attempt)
        self.promises.given_up(claim.job_id, claim.token)
        self.promises.status(claim.job_id, answer)
        if answer == "queued":
            self._clients.ring([Ring(claim.job_id, "high", lane_model(claim.request.model))])

    def _lost(self, process: Process, attempt: Attempt) -> None:
        process.attempts.remove(attempt)
        self.promises.refused(attempt.claim.job_id, attempt.claim.token)

    def _awake(self, a: int) -> Process | None:
        process = self.processes[a % HOSTS]
        return None if process.frozen else process

    def _as(self, process: Process) -> Executions:
        process.executions.worker = process.name
        process.executions._model = lane_model(process.model)
        return process.executions

    def _born(self, host: int, *, model: str = "m", supervised: bool = True) -> Process:
        self.born += 1
        self._executions[host]._sweeps = Sweeps(self._settings, lambda: self.world.passed_ms / 1000)
        return Process(f"host-{host}:{self.born}", self._executions[host], model, supervised)


def _heard_by(process: Process, c: int) -> list[str]:
    """The lists in which it hears doorbells: by priority; those of any model first, or those of its own."""
    lists = [broker_lists(), broker_lists("", lane_model(process.model))] if process.model else [broker_lists()]
    return [name for level in zip(*lists[:: 1 - 2 * (c % 2)], strict=True) for name in level]


def _state_of(process: Process) -> WorkerState:
    model, device = process.model, "cpu" if process.model else "none"
    return WorkerState(process.name, "ready", model, device, "fp32", slots=ROWS, serves=model, node=process.name)


def _board(author: str, scenes: tuple[Scene, ...] = ()) -> Storyboard:
    scenes = scenes or (_scene(1, author),)
    return Storyboard(title=author, total_duration=5 * len(scenes), scenes=scenes)


def _scene(number: int, author: str) -> Scene:
    text = f"{number} {author}"
    return Scene(
        scene_number=number, description=text, duration=5, camera="wide shot", action="a", video_prompt=f"{text}, 4k"
    )


def _report(attempt: Attempt, c: int) -> Report:
    resume = Resume(1, len(attempt.claim.scenes), "same", (1, 2)) if c % 2 else None
    return Report(attempt.claim, Progress(phase="writing", tokens=c % 50), attempt.scenes, resume)
