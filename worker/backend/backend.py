"""What turns a request into text: a model, the stub, or nothing at all. The job code knows only this shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from scriptqueue.schemas import JobRequest, ModelInfo, Progress, Scene, Source
from shared.store.executions import Resume


@dataclass(frozen=True)
class Completion:
    """A finished text. `notes` are what the reader of the job must be told; unless `complete`, the text is a torso.
    `hurried`: with more time it would be longer. `early`: it was closed before its end. `choice`: why it is the one, of
    several candidates."""

    text: str
    ended: Literal["complete", "stopped", "timeout"]
    prompt_tokens: int
    output_tokens: int
    notes: tuple[str, ...] = ()
    hurried: bool = False
    early: bool = False
    choice: str = ""


@dataclass(frozen=True)
class Prefix:
    """What there is already of a job: scenes that were published, with which every text must begin, and the tokens of
    the text that an earlier attempt was writing."""

    scenes: tuple[Scene, ...] = ()
    resume: Resume | None = None


@dataclass(frozen=True)
class Partial:
    """A text in the making; `resume` is None where a later attempt cannot go on with it."""

    scenes_done: int
    text: Callable[[], str]
    resume: Resume | None


@dataclass(frozen=True)
class MetricValue:
    """One metric and its value now; `grows`: a counter."""

    name: str
    meaning: str
    value: float
    grows: bool = False


@dataclass(frozen=True)
class Liveness:
    """Steps taken since the start, and how many texts wait for the next one."""

    steps: int
    unfinished: int


TEXT_END_CHARACTERS = 400  # of what is written, in a progress


class Generation(Protocol):
    """One text being written; every method may be called from any thread."""

    def progress(self) -> Progress: ...

    def partial(self) -> Partial: ...

    def stop(self) -> None:
        """Ask for an end within one step; `wait` then returns `stopped`."""
        ...

    def wait(self) -> Completion:
        """Blocks until the text ends. Raises a `JobError`, or `EngineBroken` when the process must end."""
        ...


class Backend(Protocol):
    """Holds the model for the life of the process."""

    source: Source
    device: str
    gpu: str  # the card's own name; empty where there is none
    slots: int
    serves: str  # as in shared/workers.py

    @property
    def batching(self) -> str:
        """Which loop writes; empty without a model."""

    @property
    def attention(self) -> str:
        """By which attention it does."""

    def start(
        self, request: JobRequest, *, seed: int, time_left_s: float, begun: Prefix, on_scene: Callable[[], None]
    ) -> Generation:
        """`on_scene` is called, from any thread, when a scene is complete."""
        ...

    def model_info(self, seed: int | None) -> ModelInfo: ...

    @property
    def tokens_per_s(self) -> float: ...

    def metric_values(self) -> tuple[MetricValue, ...]:
        """How the device is used, for whoever draws it."""
        ...

    def liveness(self) -> Liveness: ...

    @property
    def broken(self) -> str | None:
        """Why the process must end, or None."""
        ...

    def close(self) -> None: ...
