"""One attempt at one job, as a worker's threads share it: the task thread writes, the lease thread renews and stops."""

from __future__ import annotations

import time
from threading import Lock
from typing import Literal

from shared.executions import Claim
from shared.schemas import Progress
from worker.writer import Draft, Written

StopReason = Literal["canceling", "lost", "draining"]


class Attempt:
    """The first reason to stop stands, whichever draft is being written when it comes."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.started = time.monotonic()
        self.stop_reason: StopReason | None = None
        self._draft: Draft | None = None
        self._validating = False
        self._lock = Lock()

    @property
    def time_left_s(self) -> float:
        """Of the request's execution timeout."""
        return self.claim.request.execution_timeout_s - self.run_s

    @property
    def run_s(self) -> float:
        return time.monotonic() - self.started

    def write(self, draft: Draft) -> Written:
        """Wait for a draft, stoppable."""
        with self._lock:
            self._draft, self._validating = draft, False
            if self.stop_reason:
                draft.stop()
        try:
            return draft.wait()
        finally:
            self._validating = True

    def stop(self, reason: StopReason) -> None:
        with self._lock:
            self.stop_reason = self.stop_reason or reason
            if self._draft:
                self._draft.stop()

    def progress(self) -> Progress:
        if self._draft is None:
            return Progress(phase="starting")
        progress = self._draft.progress()
        return progress.model_copy(update={"phase": "validating"}) if self._validating else progress
