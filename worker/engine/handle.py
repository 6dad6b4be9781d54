"""What a caller holds of a text in the making: wait for it, look at it, stop it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event

from worker.engine.request import Finish, GenerationRequest, Output, TextState
from worker.engine.text import Text
from worker.engine.time_left import Clock, TimeLeft


class Handle:
    """One request on its way through the engine, whose time the clock tells; every method may be called from any
    thread."""

    def __init__(
        self,
        request: GenerationRequest,
        on_scene: Callable[[], None] | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.request = request
        self._on_scene = on_scene
        self._scenes_notified = 0
        now, self._clock = clock(), clock
        self._stop_at = now + request.time_left_s
        self.time_left = TimeLeft(now + min(request.time_left_s, request.close_in_s), clock)
        self.text: Text | None = None
        self.stopping = False
        self.suspect = False  # it was in a step without finite scores, and shows next whether they were its own
        self._ended = Event()
        self._output: Output | None = None
        self._error: Exception | None = None

    def stop(self) -> None:
        """Leave the batch before the next step; `wait` then returns `stopped`."""
        self.stopping = True

    def wait(self) -> Output:
        """Blocks until the text has ended. Raises `EngineBroken`, `OutOfMemory` or `NotFinite`."""
        self._ended.wait()
        if self._error:
            raise self._error
        assert self._output is not None
        return self._output

    @property
    def is_over(self) -> bool:
        """Whether it was stopped, or its time is up."""
        return self.stopping or self._clock() >= self._stop_at

    @property
    def tokens(self) -> Sequence[int]:
        """Of the text so far, those that it resumes among them."""
        return self.text.tokens if self.text else self.request.generated_ids

    def snapshot(self) -> TextState:
        return self.text.snapshot() if self.text else TextState(False, (), 0, 0)

    def notify_scenes(self) -> None:
        """Call `on_scene` if a scene was completed since the last time."""
        assert self.text is not None
        done = self.text.scenes_done
        if done > self._scenes_notified and self._on_scene:
            self._on_scene()
        self._scenes_notified = done

    def finish(self, how: Finish) -> None:
        text = self.text
        self._output = Output(
            tuple(self.tokens),
            how,
            text.sampled_tokens if text else 0,
            text.closing.loops_stopped if text else 0,
            text.drafts if text else (),
            hurried=bool(text and text.hurried),
        )
        self._ended.set()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._ended.set()
