"""One attempt at one job, as a worker's threads share it: the task thread writes, the lease thread renews and stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Literal

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import Progress
from shared.store.executions import Claim, Report
from worker.backend.backend import Completion, Generation
from worker.script.complete import complete_scenes

StopReason = Literal["canceling", "lost", "draining"]


class Attempt:
    """The first reason to stop stands, whichever generation runs when it comes."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.started = time.monotonic()
        self.stop_reason: StopReason | None = None
        self.first_scene_s: float | None = None  # from the start; None too when an earlier attempt had one
        self.scenes = claim.scenes  # published or about to be: whatever becomes of the job, it begins with these
        self.text = ""  # the last whole one, storyboard or not
        self.on_scene: Callable[[], None] = lambda: None
        self._generation: Generation | None = None
        self._validating = False
        self._lock = Lock()

    @property
    def time_left_s(self) -> float:
        """Of the request's execution timeout."""
        return self.claim.request.execution_timeout_s - self.run_s

    @property
    def run_s(self) -> float:
        return time.monotonic() - self.started

    def write(self, generation: Generation) -> Completion:
        """Wait for a generation, stoppable."""
        with self._lock:
            self._generation, self._validating = generation, False
            if self.stop_reason:
                generation.stop()
        try:
            completion = generation.wait()
            self.text = completion.text
            return completion
        finally:
            with self._lock:
                self._validating = True  # from here on `scenes` stays as it is

    def stop(self, reason: StopReason) -> None:
        with self._lock:
            self.stop_reason = self.stop_reason or reason
            if self._generation:
                self._generation.stop()

    def report(self, *, last: bool = False) -> Report:
        """What the next heartbeat tells. The `last` one, of a job that fails, has the scenes that were finished since
        the one before."""
        with self._lock:
            if self._generation is None:
                return Report(self.claim, Progress(phase="starting", scenes_done=len(self.scenes)), self.scenes)
            partial = self._generation.partial()
            if partial.scenes_done > len(self.scenes) and (last or not self._validating):
                known = len(self.scenes)
                request = self.claim.request
                self.scenes += complete_scenes(partial.text(), request, fields_named(request.fields))[known:]
                if self.scenes and not known:
                    self.first_scene_s = self.run_s
            progress = self._generation.progress()
            reported = progress.model_copy(
                update={
                    "phase": "validating" if self._validating else progress.phase,
                    "scenes_done": max(progress.scenes_done, len(self.scenes)),
                }
            )
            return Report(self.claim, reported, self.scenes, partial.resume)
