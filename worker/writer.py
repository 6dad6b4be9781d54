"""What turns a request into text: a model, the stub, or nothing at all. The job code knows only this shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from shared.schemas import JobRequest, ModelInfo, Progress, Source

EXIT_BROKEN = 70  # how a process ends that cannot go on (a sticky CUDA error, say)


@dataclass(frozen=True)
class Written:
    """A finished draft. `notes` are what the reader of the job must be told; unless `complete`, the text is a torso."""

    text: str
    ended: Literal["complete", "stopped", "timeout"]
    prompt_tokens: int
    output_tokens: int
    notes: tuple[str, ...] = ()


class Draft(Protocol):
    """One text being written; every method may be called from any thread."""

    def progress(self) -> Progress: ...

    def stop(self) -> None:
        """Ask for an end within one step; `wait` then returns `stopped`."""
        ...

    def wait(self) -> Written:
        """Blocks until the text ends. Raises a `JobError`, or `EngineBroken` when the process must end."""
        ...


class Writer(Protocol):
    """Holds the model for the life of the process."""

    source: Source
    device: str
    slots: int

    def start(self, request: JobRequest, *, seed: int, time_left_s: float) -> Draft: ...

    def model_info(self, seed: int | None) -> ModelInfo: ...

    @property
    def tokens_per_s(self) -> float: ...

    @property
    def broken(self) -> str | None:
        """Why the process must end, or None."""
        ...

    def close(self) -> None: ...
