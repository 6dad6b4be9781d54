"""The fields of a scene, a row each: what they may hold, how prompts, models and readers speak of them.

Whatever writes, reads, checks or shows scenes takes its fields from rows like these; by default from `SCENE_FIELDS`,
those that every scene has. Knows no request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Literal

from scriptqueue.camera import CAMERAS, DEFAULT, read_camera
from scriptqueue.schemas import Scene, Storyboard

MAX_TITLE_CHARACTERS = 100
MAX_TEXT_CHARACTERS = 400

PLACED = (
    "scene_number",
    "description",
    "duration",
    "camera",
    "action",
)  # on a card, by client/scriptqueue/cli/sheet.py and its like

_UNITS = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]?")
_SEPARATORS = re.compile(r"[\W_]+")
_HAN = re.compile(r"[\u3400-\u9fff]")

Kind = Literal["number", "text", "seconds", "term", "ids", "lines"]  # the last two are lists, of who is in the cast
Spoken = Literal["zh", "en"]
_NEXT: Mapping[Spoken, str] = MappingProxyType({"zh": "下一个{}", "en": "{} next"})


@dataclass(frozen=True)
class Wording:
    """A field in one language."""

    label: str  # what it is called in a sentence
    placeholder: str = ""  # of a text, in the first scene of the example that a prompt gives
    note: str = ""  # a sentence of the prompt about this field alone
    terms: tuple[str, ...] = ()  # a reader's words for the terms, in their order; none: the terms themselves
    fallback: str = ""  # what a scene says that no model wrote; empty: nothing


@dataclass(frozen=True, eq=False)  # a row is itself: tables are keys of caches, asked for each word of a scene
class SceneField:
    name: str
    kind: Kind
    zh: Wording
    en: Wording
    terms: tuple[str, ...] = ()
    default: str = ""  # the term where nothing names one; empty: the field is absent then
    read: Callable[[Any], str | None] | None = None  # the term that free words mean; None: only its own name does
    max_characters: int = MAX_TEXT_CHARACTERS
    may_be_empty: bool = False  # a text that not every scene has: nobody speaks in each
    spoken: bool = False  # all that is spoken in a scene takes no longer to be said than the scene lasts
    aliases: tuple[str, ...] = ()  # what models call it instead, in any spelling; the first that can be read is taken
    starts: tuple[str, ...] = ()  # of a length: what models call its beginning on the timeline, if they give that,
    ends: tuple[str, ...] = ()  # and its end
    distinctive: tuple[str, ...] = ()  # those of its names by which an object is known to be a scene
    column: str = ""  # its header in an export; empty: its name
    video_place: int = 0  # its place among the texts of a video prompt, from 1; 0: it is not in it

    def wording(self, spoken: Spoken) -> Wording:
        return self.zh if spoken == "zh" else self.en

    def placeholders(self, spoken: Spoken) -> tuple[str, str]:
        """Of a text, in the two scenes of the example that a prompt gives."""
        first = self.wording(spoken).placeholder
        return first, _NEXT[spoken].format(first)

    def is_placeholder(self, text: str) -> bool:
        """Whether it is what the example shows in the place of a text; small models copy that."""
        return bool(text) and text.casefold() in {*self.placeholders("zh"), *self.placeholders("en")}

    @property
    def is_words(self) -> bool:
        """Rather than a number."""
        return self.kind not in {"number", "seconds"}

    @property
    def is_list(self) -> bool:
        return self.kind in {"ids", "lines"}

    def shown(self, spoken: Spoken, value: Any, names: Mapping[str, str] = MappingProxyType({})) -> str:
        """A text as it is, a term in the reader's word for it, a list with the cast's `names`, by their ids."""
        comma, colon = ("、", "：") if spoken == "zh" else (", ", ": ")
        if self.kind == "ids":
            return comma.join(names.get(one, one) for one in value)
        if self.kind == "lines":
            speakers = ((names.get(each["character"], each["character"]), each["line"]) for each in value)
            return " / ".join(f"{speaker}{colon}{line}" for speaker, line in speakers)
        words = self.wording(spoken).terms
        return str(words[self.terms.index(value)] if words else value)


Fields = tuple[SceneField, ...]

SCENE_FIELDS: Fields = (
    SceneField(
        "scene_number",
        "number",
        zh=Wording("场景编号"),
        en=Wording("scene number"),
        aliases=(
            *("场景编号", "编号", "序号", "number", "scene", "id", "镜号", "scene_id", "scene_no", "shot_number"),
            *("shot_no", "shot_id", "no", "index", "场景号", "场景序号", "镜头号", "镜头编号", "镜头序号", "分镜号"),
            *("分镜编号", "分镜序号", "场次", "场景", "镜头", "分镜", "shot"),
        ),
        distinctive=("scene_number",),
    ),
    SceneField(
        "description",
        "text",
        zh=Wording("描述", placeholder="画面描述"),
        en=Wording("description", placeholder="what is seen"),
        aliases=(
            *("描述", "画面描述", "画面", "内容", "desc", "visual", "text", "场景描述", "scene_description"),
            *("visual_description", "shot_description", "image_description", "visuals", "picture", "画面内容"),
            *("画面说明", "镜头描述", "镜头内容", "场景内容", "分镜描述", "内容描述", "视觉描述", "视觉", "content"),
            *("details", "image", "image_prompt", "visual_prompt", "prompt", "summary", "scene", "场景"),
        ),
        distinctive=(
            *("description", "描述", "画面描述", "画面", "内容", "scene_description", "visual_description"),
            *("shot_description", "场景描述", "镜头描述", "画面内容", "visual", "picture"),
        ),
        video_place=1,
    ),
    SceneField(
        "duration",
        "seconds",
        zh=Wording("时长"),
        en=Wording("duration"),
        aliases=(
            *("时长", "duration_s", "seconds", "time", "持续时间", "duration_seconds", "duration_sec", "length"),
            *("duration_in_seconds", "length_seconds", "length_s", "estimated_duration", "shot_duration", "sec"),
            *("scene_duration", "秒数", "镜头时长", "场景时长", "预计时长", "时间", "timestamp", "time_stamp"),
            *("timestamps", "time_range", "timecode", "timeline", "时间段", "时间轴", "时间码", "时间戳", "起止时间"),
            *("时间范围", "时间点"),
        ),
        starts=("start", "start_time", "start_s", "start_seconds", "begin", "from", "开始", "开始时间", "起始时间"),
        ends=("end", "end_time", "end_s", "end_seconds", "to", "结束", "结束时间", "终止时间"),
    ),
    SceneField(
        "camera",
        "term",
        zh=Wording("镜头", terms=("远景", "中景", "特写")),
        en=Wording("camera"),
        terms=CAMERAS,
        default=DEFAULT,
        read=read_camera,
        aliases=(
            *("镜头", "景别", "camera_angle", "camera_shot", "shot", "shot_type", "机位", "shot_size", "framing"),
            *("camera_type", "camera_view", "camera_distance", "镜头类型", "镜头景别", "镜头语言", "拍摄角度", "视角"),
        ),
        distinctive=("camera", "镜头"),
    ),
    SceneField(
        "action",
        "text",
        zh=Wording("动作", placeholder="动作描述"),
        en=Wording("action", placeholder="what happens"),
        aliases=(
            *("动作", "动作描述", "动作说明", "movement", "actions", "character_action", "what_happens", "event"),
            *("人物动作", "角色动作", "主体动作", "行为", "情节", "剧情", "事件"),
        ),
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
    own = {spelled(field.name) for field in fields}
    return {
        field.name: (field.name, *(alias for alias in field.aliases if spelled(alias) not in own)) for field in fields
    }


def spelled(name: object) -> str:
    """What all spellings of a key share: `Scene_Description` and `sceneDescription`, `时长(秒)` and `时长`."""
    return _spelled(str(name)[:80])


@lru_cache(maxsize=4096)
def _spelled(name: str) -> str:
    return _SEPARATORS.sub("", _UNITS.sub("", name).casefold())


def readers_language(board: Storyboard) -> Spoken:
    """In which language a sheet or a document of this board names fields and terms."""
    if board.language:
        return "zh" if board.language.partition("-")[0] == "zh" else "en"
    return "zh" if _HAN.search(board.title + board.scenes[0].description) else "en"


def portraits(board: Storyboard) -> list[str]:
    """Each of the cast with their look, on a line."""
    colon = "：" if readers_language(board) == "zh" else ": "
    return [f"{character.name}{colon}{character.look}" for character in board.characters or ()]


def cast_names(board: Storyboard) -> dict[str, str]:
    """By id."""
    return {character.id: character.name for character in board.characters or ()}


def labelled(
    scene: Scene, spoken: Spoken, fields: Fields = SCENE_FIELDS, names: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, ...]:
    """What a scene says in its further fields, a line each, in the reader's words; `names` are the cast's."""
    values = scene.model_dump()
    return tuple(
        f"{field.wording(spoken).label}: {field.shown(spoken, values[field.name], names)}"
        for field in further(fields)
        if field.name in values and not (field.is_list and not values[field.name])
    )
