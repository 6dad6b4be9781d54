"""One doorbell answered: claim the job, make its storyboard, write the outcome. Runs in a thread of the Celery pool.

A write that must not be lost is repeated until Redis answers; one that Redis refuses as outdated is dropped.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from scriptqueue.schemas import PRIORITIES, Metrics
from shared import logs, traces
from shared.errors import EngineBroken, InternalError, JobError, StoreUnavailable
from shared.rings import Ring, lane_model
from shared.store.executions import Executions, Refused, Success
from shared.store.record import failure_of
from worker import metrics
from worker.attempt import Attempt
from worker.backend.backend import Backend
from worker.backend.storyboard import Stopped, StoryboardOutcome, make_storyboard
from worker.exits import EXIT_BROKEN
from worker.lease import LeaseKeeper
from worker.seats import Seats

log = logging.getLogger(__name__)
_T = TypeVar("_T")

_MAX_PAUSE_S = 1.0
WAIT_S = 0.25  # between two looks whether a suspect has the device for itself, or has left it


class Runner:
    """What the task needs: the store, the lease and the backend, which all live as long as the process."""

    def __init__(
        self, executions: Executions, keeper: LeaseKeeper, backend: Backend, ring: Callable[[Ring], None]
    ) -> None:
        self._executions = executions
        self._keeper = keeper
        self._backend = backend
        self._ring = ring
        self._seats = Seats(backend.slots)
        self.draining = False
        self.answered = 0  # doorbells so far
        self.busy = 0  # threads that are at one
        self._lock = Lock()

    def run(self, job_id: str) -> str:
        """Answer one doorbell, in a line."""
        with self._lock:
            self.answered += 1
            self.busy += 1
        try:
            return self._answer(job_id)
        finally:
            with self._lock:
                self.busy -= 1

    def _answer(self, job_id: str) -> str:
        while not self.draining:
            if self._seats.take(WAIT_S):
                try:
                    return self._claim_and_work(job_id)
                finally:
                    self._seats.give_back(1)
        return "left in the queue: this worker is shutting down"  # the sweep rings again

    def _claim_and_work(self, job_id: str) -> str:
        claim = until_heard(lambda: self._executions.claim(job_id))
        while claim == Refused("wait") and not self.draining:
            time.sleep(WAIT_S)
            claim = until_heard(lambda: self._executions.claim(job_id))
        if isinstance(claim, Refused):
            return f"nothing to do: {claim.reason}"
        attempt, further = Attempt(claim), min(claim.request.candidates, self._seats.rows) - 1
        self._keeper.hold(attempt)
        self._seats.take_more(further)
        try:
            if claim.attempt == 1:
                traces.record("wait", claim.trace, claim.queued_s)
            job = claim.job_id
            with logs.about(job), traces.span("job", claim.trace, job=job, attempt=claim.attempt) as note:
                outcome = self._work(attempt)
                note("outcome", outcome)
                log.info("%s", outcome)
                return outcome if job == job_id else f"{outcome} (of {job}, whose turn it was)"
        finally:
            self._seats.give_back(further)
            self._keeper.drop(attempt)

    def _work(self, attempt: Attempt) -> str:
        try:
            outcome = self._make(attempt)
        except Stopped:
            return self._leave(attempt)
        except EngineBroken as error:
            # The process is wrong, not the job: another one takes the job over when the lease lapses.
            log.critical("%s; this process ends", error)
            os._exit(EXIT_BROKEN)
        except JobError as error:
            return self._fail(attempt, error)
        except Exception as error:  # the edge: whatever it was, the job gets an answer
            log.exception("this job met a fault of ours")
            return self._fail(attempt, InternalError(f"{type(error).__name__} in the worker"))
        return self._succeed(attempt, outcome)

    def _make(self, attempt: Attempt) -> StoryboardOutcome:
        """Where it fails, the scenes that were finished since the last heartbeat are told first, so that they stay."""
        try:
            return make_storyboard(attempt, self._backend)
        except JobError:
            known, report = attempt.scenes, attempt.report(last=True)
            if report.scenes != known:
                until_heard(lambda: self._executions.renew([report]))
            raise

    def _succeed(self, attempt: Attempt, outcome: StoryboardOutcome) -> str:
        claim, run_s = attempt.claim, attempt.run_s
        success = Success(
            storyboard=outcome.storyboard,
            source=outcome.source,
            repairs=outcome.repairs,
            model=self._backend.model_info(claim.request.sampling.seed),
            metrics=Metrics(
                queue_s=round(claim.queued_s, 3),
                run_s=round(run_s, 3),
                prompt_tokens=outcome.prompt_tokens,
                output_tokens=outcome.output_tokens,
                tokens_per_s=round(outcome.output_tokens / max(run_s, 1e-3), 1),
            ),
            own_time=outcome.hurried,
            choice=outcome.choice,
        )
        status = until_heard(lambda: self._executions.succeed(claim, success))
        metrics.count_outcome(status)
        if status == "succeeded":
            metrics.note_success(success, attempt.first_scene_s)
        board = outcome.storyboard
        return (
            f"{status}: {len(board.scenes)} scenes, {board.total_duration:g} s of video, "
            f"{outcome.source}, {run_s:.1f} s"
        )

    def _fail(self, attempt: Attempt, error: JobError) -> str:
        claim, failure = attempt.claim, failure_of(error, attempt.text)
        model = self._backend.model_info(claim.request.sampling.seed)
        status = until_heard(lambda: self._executions.fail(claim, failure, model))
        metrics.count_outcome(status)
        return f"{status}: {error.code}"

    def _leave(self, attempt: Attempt) -> str:
        claim, reason = attempt.claim, attempt.stop_reason
        if reason == "canceling":
            status = until_heard(lambda: self._executions.confirm_cancel(claim))
            metrics.count_outcome(status)
            return status
        if reason == "draining":
            status = until_heard(lambda: self._executions.give_back(claim))
            metrics.count_outcome(status)
            if status == "queued":
                model = lane_model(claim.request.model)
                self._ring(Ring(claim.job_id, PRIORITIES[0], model))  # its turn has passed: the next free row
            return f"given back: {status}"
        metrics.count_outcome("stale")
        return "lost: another attempt has the job"


def until_heard(call: Callable[[], _T]) -> _T:
    """Repeat until Redis answers: nothing that is finished is dropped because of a connection."""
    pause_s = 0.1
    while True:
        try:
            return call()
        except StoreUnavailable as error:
            log.warning("%s; trying again in %.1f s", error, pause_s)
            time.sleep(pause_s)
            pause_s = min(_MAX_PAUSE_S, pause_s * 2)
