"""The fields of a request as typed keyword arguments: what a type checker and an editor know of `submit`.

Knows types only: limits and defaults are `JobRequest`'s in schemas.py, and the service checks them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from scriptqueue.schemas import AspectRatio, FieldName, Mode, Priority, TargetName, WebhookEvent


class SamplingOptions(TypedDict, total=False):
    """How tokens are chosen; see `Sampling`."""

    do_sample: bool
    temperature: float
    top_p: float
    seed: int | None
    max_new_tokens: int


class _WebhookUrl(TypedDict):
    url: str


class WebhookOptions(_WebhookUrl, total=False):
    """Where the job's events are posted; see `Webhook`."""

    events: Sequence[WebhookEvent]


class CharacterOptions(TypedDict):
    """One of the cast; see `Character`."""

    id: str
    name: str
    look: str


class BaseOptions(TypedDict, total=False):
    """A board to start from; see `Base`."""

    job: UUID | str | None
    storyboard: Mapping[str, Any] | None


class CheckOptions(TypedDict, total=False):
    """What a board is held to; what is left out, it says itself."""

    min_scenes: int
    max_scenes: int
    target_duration_s: float | None
    scene_min_s: int
    scene_max_s: int
    language: str
    characters: Sequence[CharacterOptions]
    fields: Sequence[FieldName]
    style: str | None
    aspect_ratio: AspectRatio | None
    targets: Sequence[TargetName]
    quality_keywords: str


class WritingOptions(CheckOptions, total=False):
    """What a request says besides its prompt and the board that it starts from; see `JobRequest`."""

    mode: Mode
    model: str | None
    instructions: str | None
    outline: bool
    read_prompt: bool
    distinct: bool
    sampling: SamplingOptions
    candidates: int
    priority: Priority
    allow_fallback: bool
    use_cache: bool
    queue_timeout_s: float
    execution_timeout_s: float
    result_ttl_s: float
    deadline: datetime | str | None
    webhook: WebhookOptions | None
    metadata: Mapping[str, Any]


class JobOptions(WritingOptions, total=False):
    """What a request says besides its prompt; see `JobRequest`."""

    base: BaseOptions | None
    rewrite: Sequence[int]
    note: str | None
