"""`MODEL__NAME=stub`: a deterministic writer with no model, for tests, chaos and API benchmarks.

It alone obeys `metadata.stub`: how long a job takes, how much it writes, and how it misbehaves.
"""

from __future__ import annotations

import json
import os
import time
from threading import Event

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import InternalError
from shared.schemas import JobRequest, ModelInfo, Phase, Progress, Source
from worker.script.grammar import durations
from worker.writer import EXIT_BROKEN, Written


class StubOptions(BaseModel):
    """`metadata.stub` of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(0.0, ge=0, description="how long the job takes")
    tokens: int = Field(120, ge=0, description="how many tokens it reports")
    scenes: int | None = Field(None, ge=0, le=100, description="how many scenes it writes; default min_scenes")
    crash: bool = Field(False, description="end the process after `seconds`")
    hang: bool = Field(False, description="never end by itself")
    invalid: bool = Field(False, description="write no storyboard")


class StubDraft:
    def __init__(self, request: JobRequest, options: StubOptions, time_left_s: float) -> None:
        self._request = request
        self._options = options
        self._time_left_s = time_left_s
        self._stop = Event()
        self._started = time.monotonic()

    def progress(self) -> Progress:
        share = min(1.0, (time.monotonic() - self._started) / self._options.seconds) if self._options.seconds else 1.0
        phase: Phase = "writing"
        tokens, scenes = int(share * self._options.tokens), int(share * self._scenes)
        return Progress(phase=phase, tokens=tokens, scenes_done=scenes, fraction=min(share, 0.99))

    def stop(self) -> None:
        self._stop.set()

    def wait(self) -> Written:
        takes_s = float("inf") if self._options.hang else self._options.seconds
        stopped = self._stop.wait(min(takes_s, self._time_left_s))
        if self._options.crash and not stopped:
            os._exit(EXIT_BROKEN)
        ended = "stopped" if stopped else "timeout" if takes_s > self._time_left_s else "complete"
        return Written(
            text="no storyboard" if self._options.invalid else self._text(),
            ended=ended,  # type: ignore[arg-type]
            prompt_tokens=len(self._request.prompt),
            output_tokens=self._options.tokens,
        )

    @property
    def _scenes(self) -> int:
        fixed = durations(self._request)
        if self._options.scenes is not None:
            return self._options.scenes
        return len(fixed) if fixed else self._request.min_scenes

    def _text(self) -> str:
        fixed = durations(self._request)
        subject = " ".join(self._request.prompt.split())[:40]
        scenes = [
            {
                "scene_number": number,
                "description": f"{subject} ({number})",
                "duration": fixed[number - 1] if fixed and number <= len(fixed) else 5,
                "camera": ("wide shot", "medium shot", "close up")[number % 3],
                "action": f"stub action {number}",
            }
            for number in range(1, self._scenes + 1)
        ]
        return json.dumps({"title": subject, "scenes": scenes}, ensure_ascii=False)


class StubWriter:
    source: Source = "stub"
    device = "none"
    broken: str | None = None
    tokens_per_s = 0.0

    def __init__(self, slots: int) -> None:
        self.slots = slots

    def start(self, request: JobRequest, *, seed: int, time_left_s: float) -> StubDraft:
        del seed  # the stub writes the same text for every seed
        try:
            options = StubOptions.model_validate(request.metadata.get("stub", {}))
        except ValidationError as error:
            raise InternalError(f"metadata.stub: {error.errors()[0]['msg']}") from None
        return StubDraft(request, options, time_left_s)

    def model_info(self, seed: int | None) -> ModelInfo:
        return ModelInfo(name="stub", seed=seed)

    def close(self) -> None:
        pass
