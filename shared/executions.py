"""The job store as a worker uses it: claim, renew, finish, give back. Sync, for threads.

Knows records and scripts; not Celery, and not what a job computes. A write with an outdated token is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeVar

import redis
from pydantic import TypeAdapter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from shared.broker import broker_lists
from shared.errors import StoreUnavailable
from shared.record import WORKER_LOST, figures_of, request_of
from shared.schemas import Failure, JobRequest, Metrics, ModelInfo, Progress, Scene, Source, Storyboard
from shared.scripts import CANCEL_CHANNEL, register
from shared.settings import Settings
from shared.sweep import Ring, rings_of, sweep_arguments
from shared.workers import WorkerState

T = TypeVar("T")
SCENES: TypeAdapter[tuple[Scene, ...]] = TypeAdapter(tuple[Scene, ...])
Renewal = Literal["ok", "canceling", "lost"]
Blame = Literal["crashes", "lapses", "none"]


@dataclass(frozen=True)
class Resume:
    """The token ids of a text in the making. `fingerprint` names all that they depend on; the first `given` scenes of
    the text were published before it began, and so given to it."""

    seed: int
    given: int
    fingerprint: str
    token_ids: tuple[int, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Resume:
        fields = json.loads(text)
        return cls(**{**fields, "token_ids": tuple(fields["token_ids"])})


@dataclass(frozen=True)
class Claim:
    """One attempt's right to a job, until its lease lapses, and what earlier attempts left of the job."""

    job_id: str
    token: str
    request: JobRequest
    attempt: int
    queued_s: float
    scenes: tuple[Scene, ...] = ()
    resume: Resume | None = None
    trace: str = ""


@dataclass(frozen=True)
class Report:
    """How far a running job is. `scenes` are all that are complete: what was told of them once stays so."""

    claim: Claim
    progress: Progress
    scenes: tuple[Scene, ...] = ()
    resume: Resume | None = None


@dataclass(frozen=True)
class Success:
    storyboard: Storyboard
    source: Source
    repairs: Sequence[str]
    model: ModelInfo
    metrics: Metrics


class Executions:
    """One worker's view. Every method raises `StoreUnavailable`; a caller that must be heard repeats it."""

    def __init__(self, settings: Settings, worker: str, timeout_s: float | None = None) -> None:
        timeout_s = timeout_s or settings.redis.timeout_s
        self.worker = worker
        self._settings = settings
        self._lease_ms = int(settings.worker.lease_s * 1000)
        self._max_attempts = settings.worker.max_attempts
        self._redis = redis.Redis.from_url(
            settings.redis.url.get_secret_value(),
            decode_responses=True,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 1),
        )
        self._scripts = register(self._redis)

    def close(self) -> None:
        self._redis.close()

    def claim(self, job_id: str) -> Claim | str:
        """The claim, or why there is none: the status that stands, `unknown`, `wait` (one of two must run alone), or
        `follows` (another job generates for it)."""
        answer = _told(lambda: self._scripts["claim"](args=[job_id, self.worker, self._lease_ms, self._max_attempts]))
        if answer[0] != "ok":
            return str(answer[0])
        _, token, asked, attempt, queued_ms, scenes, resume, seed, trace = answer
        return Claim(
            job_id,
            token,
            request_of({"request": asked, "seed": seed}),
            attempt,
            queued_ms / 1000,
            SCENES.validate_json(scenes) if scenes else (),
            Resume.from_json(resume) if resume else None,
            trace,
        )

    def renew(self, running: Sequence[Report]) -> list[Renewal]:
        """A fresh lease for each running job, and in the same script how far it is."""
        flat = [argument for report in running for argument in _arguments(report)]
        return _told(lambda: list(self._scripts["renew"](args=[self._lease_ms, *flat])))

    def succeed(self, claim: Claim, success: Success) -> str:
        """Write the result; the status that now stands, or `stale`. Safe to repeat."""
        return self._finish(
            claim,
            "succeeded",
            ("result", success.storyboard.model_dump_json()),
            ("source", success.source),
            ("repairs", _json_list(success.repairs)),
            ("model", success.model.model_dump_json()),
            ("metrics", success.metrics.model_dump_json()),
        )

    def fail(self, claim: Claim, failure: Failure, model: ModelInfo) -> str:
        """Write the failure; the status that now stands, or `stale`. Safe to repeat."""
        return self._finish(claim, "failed", ("error", failure.model_dump_json()), ("model", model.model_dump_json()))

    def confirm_cancel(self, claim: Claim) -> str:
        """The job has left the device: `canceling` becomes `canceled`. Safe to repeat."""
        return self._finish(claim, "canceled")

    def give_back(self, claim: Claim) -> str:
        """Unfinished and blameless: `queued` (ring it), `canceled` or `stale`."""
        return str(_told(lambda: self._scripts["give_back"](args=[claim.job_id, claim.token])))

    def cancel(self, job_id: str) -> str:
        """What Flower's revoke means: the same as a client's cancel. The status after."""
        return str(_told(lambda: self._scripts["cancel"](args=[job_id]))[-1])

    def beat(self, state: WorkerState, ttl_s: float) -> int:
        """Tell the others that this worker lives; `ttl_s` 0: it leaves. How many doorbells wait for a worker."""
        arguments = [self.worker, state.to_json(), int(ttl_s * 1000), *broker_lists()]
        return _told(lambda: int(self._scripts["beat"](args=arguments)))

    def rivals(self, gpu: str) -> list[str]:
        """The other workers on this card."""
        workers = _told(lambda: figures_of(self._scripts["queue"]())).workers if gpu else []
        return [state.worker for state in workers if state.gpu == gpu and state.worker != self.worker]

    def release(self, blame: Blame) -> list[Ring]:
        """This worker's process has ended: what ran on it waits again. Safe to repeat."""
        arguments = [self.worker, blame, self._max_attempts, WORKER_LOST]
        return _told(lambda: rings_of(self._scripts["release"](args=arguments)))

    def sweep(self) -> list[Ring]:
        return _told(lambda: rings_of(self._scripts["sweep"](args=sweep_arguments(self._settings))))

    def cancellations(self, timeout_s: float) -> Iterator[str | None]:
        """Ids of running jobs to stop, as they come, on a connection of its own; None each `timeout_s` of silence."""
        subscription = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            _told(lambda: subscription.subscribe(CANCEL_CHANNEL))
            while True:
                message = _told(lambda: subscription.get_message(timeout=timeout_s))
                yield message["data"] if message else None
        finally:
            subscription.close()

    def _finish(self, claim: Claim, status: str, *fields: tuple[str, str]) -> str:
        flat = [x for pair in fields for x in pair]
        return str(_told(lambda: self._scripts["finish"](args=[claim.job_id, claim.token, status, *flat])))


def _told(call: Callable[[], T]) -> T:
    try:
        return call()
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis: {type(error).__name__}") from error


def _arguments(report: Report) -> tuple[str | int, ...]:
    return (
        report.claim.job_id,
        report.claim.token,
        report.progress.model_dump_json(),
        len(report.scenes),
        SCENES.dump_json(report.scenes).decode(),
        report.resume.to_json() if report.resume else "",
    )


def _json_list(texts: Sequence[str]) -> str:

    return json.dumps(list(texts), ensure_ascii=False)
