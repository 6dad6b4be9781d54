"""The fields of a scene, a row each: what they may hold, how prompts, models and readers speak of them.

Whatever writes, reads, checks or shows scenes takes its fields from rows like these; by default from `SCENE_FIELDS`,
those that every scene has. Knows no request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from scriptqueue.camera import CAMERAS, DEFAULT, read_camera
from scriptqueue.schemas import Scene

MAX_TITLE_CHARACTERS = 100
MAX_TEXT_CHARACTERS = 400

PLACED = (
    "scene_number",
    "description",
    "duration",
    "camera",
    "action",
)  # on a card, by client/scriptqueue/cli/sheet.py and its like

Kind = Literal["number", "text", "seconds", "term"]
Spoken = Literal["zh", "en"]


@dataclass(frozen=True)
class Wording:
    """A field in one language."""

    label: str  # what it is called in a sentence
    placeholder: str = ""  # of a text, in the example that a prompt gives
    note: str = ""  # a sentence of the prompt about this field alone
    terms: tuple[str, ...] = ()  # a reader's words for the terms, in their order; none: the terms themselves
    fallback: str = ""  # what a scene says that no model wrote; empty: nothing


@dataclass(frozen=True)
class SceneField:
    name: str
    kind: Kind
    zh: Wording
    en: Wording
    terms: tuple[str, ...] = ()
    default: str = ""  # the term where nothing names one; empty: the field is absent then
    read: Callable[[Any], str | None] | None = None  # the term that free words mean; None: only its own name does
    max_characters: int = MAX_TEXT_CHARACTERS
    aliases: tuple[str, ...] = ()  # what models call it instead, the first one found is taken
    distinctive: tuple[str, ...] = ()  # those of its names by which an object is known to be a scene
    column: str = ""  # its header in an export; empty: its name
    video_place: int = 0  # its place among the texts of a video prompt, from 1; 0: it is not in it

    def wording(self, spoken: Spoken) -> Wording:
        return self.zh if spoken == "zh" else self.en

    def shown(self, spoken: Spoken, value: str) -> str:
        """A text as it is, a term in the reader's word for it."""
        words = self.wording(spoken).terms
        return words[self.terms.index(value)] if words else value


Fields = tuple[SceneField, ...]

SCENE_FIELDS: Fields = (
    SceneField(
        "scene_number",
        "number",
        zh=Wording("场景编号"),
        en=Wording("scene number"),
        aliases=("场景编号", "编号", "序号", "number", "scene", "id", "镜号"),
        distinctive=("scene_number",),
    ),
    SceneField(
        "description",
        "text",
        zh=Wording("描述", placeholder="画面描述"),
        en=Wording("description", placeholder="what is seen"),
        aliases=("描述", "画面描述", "画面", "内容", "desc", "visual", "text", "场景描述"),
        distinctive=("description", "描述", "画面描述", "画面", "内容"),
        video_place=1,
    ),
    SceneField(
        "duration",
        "seconds",
        zh=Wording("时长"),
        en=Wording("duration"),
        aliases=("时长", "duration_s", "seconds", "time", "持续时间"),
    ),
    SceneField(
        "camera",
        "term",
        zh=Wording("镜头", terms=("远景", "中景", "特写")),
        en=Wording("camera"),
        terms=CAMERAS,
        default=DEFAULT,
        read=read_camera,
        aliases=("镜头", "景别", "camera_angle", "camera_shot", "shot", "shot_type", "机位"),
        distinctive=("camera", "镜头"),
    ),
    SceneField(
        "action",
        "text",
        zh=Wording("动作", placeholder="动作描述"),
        en=Wording("action", placeholder="what happens"),
        aliases=("动作", "动作描述", "动作说明", "movement"),
        distinctive=("action", "动作"),
    ),
)


def written(fields: Fields = SCENE_FIELDS) -> Fields:
    """Those that a writer chooses; a scene's number is its place."""
    return tuple(field for field in fields if field.kind != "number")


def of_kind(kind: Kind, fields: Fields = SCENE_FIELDS) -> Fields:
    return tuple(field for field in fields if field.kind == kind)


def further(fields: Fields) -> Fields:
    """Those that have no place of their own on a card: readers see them one below the other, each with its label."""
    return tuple(field for field in fields if field.name not in PLACED)


@cache
def names(fields: Fields = SCENE_FIELDS) -> Mapping[str, tuple[str, ...]]:
    """By the name of each field all that it may be called; an alias that is another field's name is no alias."""
    own = {field.name for field in fields}
    return {field.name: (field.name, *(alias for alias in field.aliases if alias not in own)) for field in fields}


def labelled(scene: Scene, spoken: Spoken, fields: Fields = SCENE_FIELDS) -> tuple[str, ...]:
    """What a scene says in its further fields, a line each, in the reader's words."""
    values = scene.model_dump()
    return tuple(
        f"{field.wording(spoken).label}: {field.shown(spoken, values[field.name])}"
        for field in further(fields)
        if field.name in values
    )
