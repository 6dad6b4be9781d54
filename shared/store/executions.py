"""The job store as a worker uses it: claim, renew, finish, give back. Sync, for threads.

Knows records and scripts; not Celery, and not what a job computes. A write with an outdated token is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from scriptqueue.schemas import Failure, JobRequest, Metrics, ModelInfo, Progress, Scene, Source, Storyboard
from shared.errors import StoreUnavailable
from shared.keys import CANCEL_CHANNEL
from shared.rings import Ring, broker_lists, lane_model
from shared.settings import Settings
from shared.store.connection import SyncStore, connect, heard
from shared.store.record import WORKER_LOST, queue_load_of, record_of, seeded_request
from shared.store.scripts import named
from shared.store.sweep import Sweeps, rings_of
from shared.workers import WorkerState

SCENES: TypeAdapter[tuple[Scene, ...]] = TypeAdapter(tuple[Scene, ...])
Renewal = Literal["ok", "canceling", "lost"]
_RENEWED_AT_ONCE = 8  # jobs; all the scenes of each could be new
Blame = Literal["crashes", "lapses", "none"]
Reason = Literal[
    "running",
    "canceling",
    "succeeded",
    "failed",
    "canceled",
    "expired",
    "unknown",
    "follows",
    "wait",
    "newer",
    "other_model",
]


_DRAFTS = " after "


@dataclass(frozen=True)
class Resume:
    """The token ids of a text in the making. `fingerprint` names all that they depend on; the first `given` scenes of
    the text were complete before it began, and so given to it. `before`: where they are not published, the text that
    has them. `drafts`: what the engine knows of what was dropped from it."""

    seed: int
    given: int
    fingerprint: str
    token_ids: tuple[int, ...]
    before: str = ""
    drafts: tuple[tuple[Any, ...], ...] = ()

    def to_json(self) -> str:
        """Without the later two it is what older workers read. Drafts decide what comes next: with them the fingerprint
        is one that no worker has who knows of none."""
        fields = asdict(self)
        if not self.before:
            del fields["before"]
        if drafts := fields.pop("drafts"):
            fields["fingerprint"] += _DRAFTS + json.dumps(drafts, separators=(",", ":"))
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Resume:
        fields = json.loads(text)
        fingerprint, _, drafts = fields["fingerprint"].partition(_DRAFTS)
        known = tuple(map(tuple, json.loads(drafts))) if drafts else ()
        tokens, before = tuple(fields["token_ids"]), fields.get("before", "")
        return cls(fields["seed"], fields["given"], fingerprint, tokens, before, known)


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
class Refused:
    """Why a job is not to be had: the status that stands, `unknown`, `follows` (another job generates for it), `wait`
    (one of two must run alone: ask again), `newer` (written by a newer version), or `other_model` (this worker does not
    serve the model that it names)."""

    reason: Reason


@dataclass(frozen=True)
class Report:
    """How far a running job is. `scenes` are all that are complete: what was told of them once stays so."""

    claim: Claim
    progress: Progress
    scenes: tuple[Scene, ...] = ()
    resume: Resume | None = None


@dataclass(frozen=True)
class Success:
    """`own_time`: the board was closed for the job's own time limit, and answers no other job. `choice`: why it was
    chosen, of several candidates."""

    storyboard: Storyboard
    source: Source
    repairs: Sequence[str]
    model: ModelInfo
    metrics: Metrics
    own_time: bool = False
    choice: str = ""


class Executions:
    """One worker's view. Every method raises `StoreUnavailable`; a caller that must be heard repeats it. `model`: that
    jobs may name; empty: none of theirs is claimed."""

    def __init__(
        self,
        settings: Settings,
        worker: str,
        timeout_s: float | None = None,
        sweeps: Sweeps | None = None,
        *,
        model: str = "",
    ) -> None:
        self.worker = worker
        self._model = lane_model(model)
        self._sweeps = sweeps or Sweeps(settings)
        self._lease_ms = int(settings.worker.lease_s * 1000)
        self._max_attempts = settings.worker.max_attempts
        self._client = connect(settings, timeout_s=timeout_s, retries=1)
        self._prefix = settings.redis.prefix
        self._store = SyncStore(self._client, self._prefix)

    def close(self) -> None:
        self._client.close()

    def claim(self, job_id: str) -> Claim | Refused:
        """The right to run the job that is next where this one waits, often itself; or why there is none."""
        answer, *values = self._store.call(
            "claim",
            rung=job_id,
            worker=self.worker,
            model=self._model,
            lease_ms=self._lease_ms,
            max_attempts=self._max_attempts,
        )
        if answer != "ok":
            return Refused(answer)
        found = named("claim", *values)
        return Claim(
            found["id"],
            token=found["token"],
            request=seeded_request(found),
            attempt=found["attempt"],
            queued_s=found["queued_ms"] / 1000,
            scenes=SCENES.validate_json(found["scenes"]) if found["scenes"] else (),
            resume=Resume.from_json(found["resume"]) if found["resume"] else None,
            trace=found["trace"],
        )

    def renew(self, running: Sequence[Report]) -> list[Renewal]:
        """A fresh lease for each running job, and in the same script how far it is; a few in each."""
        answers: list[Renewal] = []
        for begun in range(0, len(running), _RENEWED_AT_ONCE):
            reports = [_arguments(report) for report in running[begun : begun + _RENEWED_AT_ONCE]]
            answers += self._store.call("renew", lease_ms=self._lease_ms, reports=reports)
        self._catch_up()
        return answers

    def succeed(self, claim: Claim, success: Success) -> str:
        """Write the result; the status that now stands, or `stale`. Safe to repeat."""
        own_time = {"own_time": "1"} if success.own_time else {}
        return self._finish(
            claim,
            "succeeded",
            **own_time,
            **({"choice": success.choice} if success.choice else {}),
            result=success.storyboard.model_dump_json(),
            source=success.source,
            repairs=json.dumps(list(success.repairs), ensure_ascii=False),
            model=success.model.model_dump_json(),
            metrics=success.metrics.model_dump_json(),
        )

    def fail(self, claim: Claim, failure: Failure, model: ModelInfo) -> str:
        """Write the failure; the status that now stands, or `stale`. Safe to repeat."""
        return self._finish(claim, "failed", error=failure.model_dump_json(), model=model.model_dump_json())

    def confirm_cancel(self, claim: Claim) -> str:
        """The job has left the device: `canceling` becomes `canceled`. Safe to repeat."""
        return self._finish(claim, "canceled")

    def give_back(self, claim: Claim) -> str:
        """Unfinished and blameless: `queued` (ring it), `canceled` or `stale`."""
        stands = self._store.call("give_back", id=claim.job_id, token=claim.token)
        self._catch_up()
        return str(stands)

    def cancel(self, job_id: str) -> str:
        """What Flower's revoke means: the same as a client's cancel, whosever job it is. The status after, or
        `unknown`."""
        answer, found, _ = self._store.call("cancel", id=job_id, client=None)
        return record_of(found)["status"] if answer == "ok" else "unknown"

    def beat(self, state: WorkerState, ttl_s: float) -> int:
        """Tell the others that this worker lives; `ttl_s` 0: it leaves. How many doorbells wait for a worker."""
        word, ttl_ms, model = state.to_json(), int(ttl_s * 1000), lane_model(state.named_by_jobs)
        lists = broker_lists(self._prefix) + (broker_lists(self._prefix, model) if model else [])
        return int(
            self._store.call("beat", worker=self.worker, word=word, ttl_ms=ttl_ms, model=model, broker_lists=lists)
        )

    def rivals(self, gpu: str) -> list[str]:
        """The other workers on this card."""
        return [state.worker for state in self._others() if gpu and state.gpu == gpu]

    def namesakes(self, node: str) -> list[str]:
        """The other workers that Celery and its monitors know by this name, without those that are about to end."""
        return [state.worker for state in self._others() if state.node == node and state.state in ("loading", "ready")]

    def _others(self) -> list[WorkerState]:
        workers = queue_load_of(named("queue", self._store.call("queue"))).workers
        return [state for state in workers if state.worker != self.worker]

    def release(self, blame: Blame) -> list[Ring]:
        """This worker's process has ended: what ran on it waits again. Safe to repeat."""
        rings, left = [], "1"
        while left == "1":
            left, *flat = self._store.call(
                "release",
                worker=self.worker,
                blame=blame,
                max_attempts=self._max_attempts,
                worker_lost=WORKER_LOST,
            )
            rings += rings_of(flat)
        self._catch_up()
        return rings

    def sweep(self) -> list[Ring]:
        return self._sweeps.rings(self._store.call("sweep", **self._sweeps.arguments()))

    def cancellations(self, timeout_s: float) -> Iterator[str | None]:
        """Ids of running jobs to stop, as they come, on a connection of its own; None each `timeout_s` of silence."""
        return heard(self._client, timeout_s, self._prefix + CANCEL_CHANNEL)

    def _finish(self, claim: Claim, status: str, **fields: str) -> str:
        gained = [{"field": name, "value": value} for name, value in fields.items()]
        stands = self._store.call("finish", id=claim.job_id, token=claim.token, status=status, gained=gained)
        self._catch_up()
        return str(stands)

    def _catch_up(self) -> None:
        """Followers that the last script left behind, piece by piece; what is left at a fault, the sweep finds."""
        with suppress(StoreUnavailable):
            while self._store.call("catch_up"):
                pass


def _arguments(report: Report) -> dict[str, Any]:
    """One of the `reports` of lua/renew.lua."""
    return {
        "id": report.claim.job_id,
        "token": report.claim.token,
        "progress": report.progress.model_dump_json(exclude={"text"}),
        "writing": report.progress.text or "",
        "scene_count": len(report.scenes),
        "scenes": SCENES.dump_json(report.scenes).decode(),
        "resume": report.resume.to_json() if report.resume else None,
    }
