"""Notices a worker that lives and does not work: no step of the engine while texts wait for one, doorbells that nobody
answers while rows are free, an engine or a heartbeat whose thread has ended.

Knows what a worker shows of itself at one moment; not how it leaves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Generic, Protocol, TypeVar

from shared.settings import WorkerSettings
from worker.exits import EXIT_BROKEN, EXIT_REPLACE

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
MAX_GAP_S = 5.0  # between two looks; a longer one means that the whole process stood still, and nothing was missed
STEP_S = 120.0  # a step on a GPU takes milliseconds, with a long prompt or a first compilation seconds
STEP_ON_CPU_S = 900.0  # 1,000 prompt tokens of a model of 6 billion parameters on two slow cores take minutes
DOORBELL_ANSWER_S = 60.0  # kombu takes a doorbell within a second, and connects anew within half a minute


@dataclass(frozen=True)
class Probe:
    """A worker at one moment. `doorbells` wait in Redis (None: it did not tell), `answered` counts those taken here."""

    steps: int
    unfinished: int
    doorbells: int | None
    answered: int
    free: int
    broken: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Why the worker must go, and the exit code that says whom to blame."""

    reason: str
    exit_code: int


class StallDetector:
    """Judges one look after another; a pure function of them and the clock."""

    def __init__(self, step_s: float, answer_s: float) -> None:
        self._step_s = step_s
        self._answer_s = answer_s
        self._last: Probe | None = None
        self._looked = self._stepped = self._answered = 0.0

    def judge(self, look: Probe, now_s: float) -> Verdict | None:
        last, self._last = self._last, look
        slept = last is None or now_s - self._looked > MAX_GAP_S
        self._looked = now_s
        if slept or not look.unfinished or look.steps != last.steps:  # type: ignore[union-attr]
            self._stepped = now_s
        if slept or not look.doorbells or look.free <= 0 or look.answered != last.answered:  # type: ignore[union-attr]
            self._answered = now_s
        if look.broken:
            return Verdict(look.broken, EXIT_BROKEN)
        if (still_s := now_s - self._stepped) >= self._step_s:
            return Verdict(f"no step for {still_s:.0f} s while {look.unfinished} texts want one", EXIT_BROKEN)
        if (deaf_s := now_s - self._answered) >= self._answer_s:
            waiting = f"{look.doorbells} doorbells wait and {look.free} rows are free"
            return Verdict(f"no doorbell answered for {deaf_s:.0f} s while {waiting}", EXIT_REPLACE)
        return None


def stall_detector_of(settings: WorkerSettings, device: str) -> StallDetector:
    """`STALL_S` for both, else what the device can be expected to do."""
    step_s = STEP_S if device.startswith("cuda") else STEP_ON_CPU_S
    return StallDetector(settings.stall_s or step_s, settings.stall_s or DOORBELL_ANSWER_S)


Look = TypeVar("Look")
_Look_contra = TypeVar("_Look_contra", contravariant=True)


class Detector(Protocol[_Look_contra]):
    def judge(self, look: _Look_contra, now_s: float) -> Verdict | None: ...


class Watchdog(Generic[Look]):
    """Looks once a second until it must bite, once: `leave` ends the process."""

    def __init__(self, watch: Detector[Look], look: Callable[[], Look], leave: Callable[[Verdict], None]) -> None:
        self._watch = watch
        self._look = look
        self._leave = leave
        self._ended = Event()
        self._thread = Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """What it watched has ended by itself."""
        self._ended.set()

    def join(self) -> None:
        """Until it has looked for the last time."""
        self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            if verdict := self._judge():
                log.critical("this worker leaves: %s", verdict.reason)
                self._leave(verdict)
                return

    def _judge(self) -> Verdict | None:
        try:
            return self._watch.judge(self._look(), time.monotonic())
        except Exception as error:  # the edge: a worker that cannot be looked at is watched by nobody
            return Verdict(f"it cannot be looked at: {type(error).__name__}: {error}", EXIT_BROKEN)
