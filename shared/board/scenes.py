"""Scenes from the fields of a table: numbered, with what is computed of them, and as rows of an export.

Knows no model's text: the values are valid already.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from pydantic import Field, create_model

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField, written
from scriptqueue.schemas import DECIDING_LATER, Character, JobRequest, Scene, Seconds, SpokenLine, Storyboard
from shared.board.language import written_language
from shared.board.targets.prompts import placed_prompts

COMPUTED = ("video_prompt",)  # of each scene; never asked of a model


@cache
def scene_type(fields: Fields = SCENE_FIELDS) -> type[Scene]:
    """`Scene` with the fields that it lacks; such a field is optional, and absent from JSON where it says nothing."""
    extra: dict[str, Any] = {
        field.name: (_type(field) | None, Field(None, exclude_if=lambda value: value is None))
        for field in fields
        if field.name not in Scene.model_fields
    }
    return create_model("Scene", __base__=Scene, **extra) if extra else Scene


def assemble(
    title: str,
    scenes: list[dict[str, Any]],
    request: JobRequest,
    fields: Fields = SCENE_FIELDS,
    cast: Sequence[Character] = (),
) -> Storyboard:
    """Number the scenes and compute what no model is asked for."""
    return Storyboard(
        title=title,
        total_duration=math.fsum(scene["duration"] for scene in scenes),
        scenes=numbered(scenes, request, fields, cast),
        characters=tuple(cast) if "characters" in request.fields else None,
        style=request.style,
        aspect_ratio=request.aspect_ratio,
        language=_language(request),
    )


def _language(request: JobRequest) -> str | None:
    """What the board says of its language; boards of a time when there were two said nothing."""
    is_new = any(getattr(request, name) != JobRequest.model_fields[name].default for name in DECIDING_LATER)
    return written_language(request) if is_new or request.language not in {"auto", "zh", "en"} else None


def numbered(
    scenes: list[dict[str, Any]],
    request: JobRequest,
    fields: Fields = SCENE_FIELDS,
    cast: Sequence[Character] = (),
) -> tuple[Scene, ...]:
    kind = scene_type(fields)
    return tuple(
        kind(
            scene_number=number,
            video_prompt=_video_prompt(scene, request.quality_keywords, fields),
            prompts=prompts,
            **scene,
        )
        for number, (scene, prompts) in enumerate(zip(scenes, _prompts(scenes, request, cast), strict=True), start=1)
    )


def _prompts(
    scenes: list[dict[str, Any]], request: JobRequest, cast: Sequence[Character]
) -> list[dict[str, str] | None]:
    """Of each scene, by target; None where none is named."""
    if not request.targets:
        return [None] * len(scenes)
    texts = {target: placed_prompts(scenes, request.style, target, cast) for target in request.targets}
    return [{target: next(placed).text for target, placed in texts.items()} for _ in scenes]


def values_of(scenes: Sequence[Scene], fields: Fields = SCENE_FIELDS) -> list[dict[str, Any]]:
    """The inverse of `numbered`."""
    return [scene.model_dump(include={field.name for field in written(fields)}) for scene in scenes]


def columns(fields: Fields = SCENE_FIELDS) -> tuple[str, ...]:
    """The headers of a table with a row for each scene."""
    return (*(field.column or field.name for field in fields), *COMPUTED)


def rows(scenes: Sequence[Scene], fields: Fields = SCENE_FIELDS) -> Iterator[tuple[Any, ...]]:
    """As `columns`; a field that is absent is an empty cell."""
    for scene in scenes:
        values = scene.model_dump()
        yield tuple(values.get(name, "") for name in (*(field.name for field in fields), *COMPUTED))


def optimize_prompt_for_video(description: str, quality_keywords: str) -> str:
    """A scene's prompt for a text-to-video model."""
    return f"{description}, {quality_keywords}"


def _video_prompt(scene: Mapping[str, Any], quality_keywords: str, fields: Fields) -> str:
    placed = sorted((field for field in fields if field.video_place), key=lambda field: field.video_place)
    seen = ", ".join(scene[field.name] for field in placed if field.name in scene)
    return optimize_prompt_for_video(seen, quality_keywords)


def _type(field: SceneField) -> Any:
    match field.kind:
        case "number":
            return int
        case "seconds":
            return Seconds
        case "term":
            return Literal[field.terms]
        case "text":
            return str
        case "ids":
            return tuple[str, ...]
        case "lines":
            return tuple[SpokenLine, ...]
