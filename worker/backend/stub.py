"""`MODEL__NAME=stub`: a deterministic backend with no model, for tests, chaos and API benchmarks.

It alone obeys `metadata.stub`: how long a job takes, how much it writes, and how it misbehaves.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scriptqueue.further_fields import fields_named
from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField
from scriptqueue.schemas import JobRequest, ModelInfo, Phase, Progress, Source
from shared.board.break_down import script_shots
from shared.board.cast import WRITTEN_IDS
from shared.board.kept import kept_board
from shared.board.timing import durations, usual_seconds
from shared.errors import InternalError
from worker.backend.backend import TEXT_END_CHARACTERS, Completion, Liveness, MetricValue, Partial, Prefix
from worker.exits import EXIT_BROKEN


class StubOptions(BaseModel):
    """`metadata.stub` of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(0.0, ge=0, description="how long the job takes; its scenes come evenly over it")
    tokens: int = Field(120, ge=0, description="how many tokens it reports")
    scenes: int | None = Field(None, ge=0, le=100, description="how many scenes it writes; default min_scenes")
    crash: bool = Field(False, description="end the process after `seconds`")
    hang: bool = Field(False, description="never end by itself")
    invalid: bool = Field(False, description="write no storyboard")


class StubGeneration:
    def __init__(
        self,
        request: JobRequest,
        options: StubOptions,
        time_left_s: float,
        on_scene: Callable[[], None],
        live: set[StubGeneration],
    ) -> None:
        self._request = request
        self._options = options
        self._time_left_s = time_left_s
        self._on_scene = on_scene
        self._live = live
        self._stop = Event()
        self._started = time.monotonic()

    def progress(self) -> Progress:
        phase: Phase = "writing"
        tokens = int(self._share * self._options.tokens)
        written = "" if self._options.hang else self._text(self._scenes)
        end = written[: int(self._share * len(written))][-TEXT_END_CHARACTERS:]
        return Progress(
            phase=phase,
            tokens=tokens,
            scenes_done=self._scenes_done,
            fraction=min(round(self._share, 3), 0.99),
            text=end or None,
        )

    def partial(self) -> Partial:
        done = self._scenes_done
        return Partial(done, lambda: self._text(done), None)

    def stop(self) -> None:
        self._stop.set()

    def wait(self) -> Completion:
        self._live.add(self)
        try:
            return self._written()
        finally:
            self._live.discard(self)

    @property
    def hangs(self) -> bool:
        return self._options.hang

    def _written(self) -> Completion:
        takes_s = float("inf") if self._options.hang else self._options.seconds
        stopped = self._write(min(takes_s, self._time_left_s))
        if self._options.crash and not stopped:
            os._exit(EXIT_BROKEN)
        late = takes_s > self._time_left_s
        ended = "stopped" if stopped else "timeout" if late else "complete"
        return Completion(
            text="no storyboard" if self._options.invalid else self._text(self._scenes_done if late else self._scenes),
            ended=ended,  # type: ignore[arg-type]
            prompt_tokens=len(self._request.prompt),
            output_tokens=self._options.tokens,
        )

    def _write(self, for_s: float) -> bool:
        """Whether it was stopped."""
        ends = self._started + for_s
        if self._options.seconds and not (self._options.hang or self._options.invalid):
            for number in range(1, self._scenes + 1):
                at = self._started + number * self._options.seconds / self._scenes
                if at >= ends:
                    break
                if self._stop.wait(max(0.0, at - time.monotonic())):
                    return True
                self._on_scene()
        return self._stop.wait(max(0.0, ends - time.monotonic()))

    @property
    def _share(self) -> float:
        if not self._options.seconds:
            return 0.0 if self._options.hang else 1.0
        return min(1.0, (time.monotonic() - self._started) / self._options.seconds)

    @property
    def _scenes_done(self) -> int:
        return 0 if self._options.hang or self._options.invalid else int(self._share * self._scenes + 1e-6)

    @property
    def _scenes(self) -> int:
        fixed = durations(self._request)
        if base := kept_board(self._request):
            return base.until
        if self._options.scenes is not None:
            return self._options.scenes
        return len(fixed) if fixed else self._request.min_scenes

    def _text(self, count: int) -> str:
        return stub_text(self._request, count, fields_named(self._request.fields))


def stub_text(request: JobRequest, count: int, fields: Fields = SCENE_FIELDS) -> str:
    """A storyboard of so many scenes, as a model would write it."""
    usual_s = usual_seconds(request)
    fixed = durations(request) or (usual_s,) * count
    subject, base = " ".join((request.note or request.prompt).split())[:40], kept_board(request)
    kept, subject = (base.kept, f"{subject}, take two") if base else ({}, subject)
    ids = [character.id for character in request.characters] or WRITTEN_IDS[:1]
    shots = script_shots(request) or ()
    scenes = [
        {"scene_number": number} | kept[number - 1]
        if number - 1 in kept
        else {
            field.name: fixed[number - 1]
            if field.kind == "seconds" and number <= len(fixed)
            else _stub_value(field, number, subject, usual_s, ids)
            for field in fields
        }
        | (shots[number - 1].given if number <= len(shots) else {})
        for number in range(1, count + 1)
    ]
    cast = {"characters": {ids[0]: {"name": "stub", "look": f"stub look: {subject}"}}} if request.writes_cast else {}
    return json.dumps({"title": subject, **cast, "scenes": scenes}, ensure_ascii=False)


def _stub_value(field: SceneField, number: int, subject: str, usual_s: int, ids: Sequence[str]) -> Any:
    match field.kind:
        case "number":
            return number
        case "seconds":
            return usual_s
        case "term":
            return field.terms[number % len(field.terms)]
        case "ids":
            return list(ids)
        case "lines":
            return [{"character": ids[number % len(ids)], "line": f"stub {number}"}]
        case "text":
            return f"{subject} ({number})" if field.name == "description" else f"stub {field.name} {number}"


class StubBackend:
    source: Source = "stub"
    device = "none"
    serves = "stub"
    gpu = ""
    batching = attention = ""
    broken: str | None = None
    tokens_per_s = 0.0

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._live: set[StubGeneration] = set()  # generations that somebody waits for
        self._steps = 0

    def start(
        self, request: JobRequest, *, seed: int, time_left_s: float, begun: Prefix, on_scene: Callable[[], None]
    ) -> StubGeneration:
        del seed, begun  # the stub writes the same text for every seed, and each time from the start
        try:
            options = StubOptions.model_validate(request.metadata.get("stub", {}))
        except ValidationError as error:
            raise InternalError(f"metadata.stub: {error.errors()[0]['msg']}") from None
        return StubGeneration(request, options, time_left_s, on_scene, self._live)

    def model_info(self, seed: int | None) -> ModelInfo:
        return ModelInfo(name="stub", seed=seed)

    def liveness(self) -> Liveness:
        """As an engine's whose thread a hanging generation has stopped: only one that goes on makes a step."""
        live = list(self._live)
        self._steps += any(not generation.hangs for generation in live)
        return Liveness(self._steps, len(live))

    def metric_values(self) -> tuple[MetricValue, ...]:
        return ()

    def close(self) -> None:
        pass
