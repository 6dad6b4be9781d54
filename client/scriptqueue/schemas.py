"""The public shapes: a job request, a storyboard, a job. Nothing here knows HTTP, Redis or a model.

Requests are strict (no "3" for 3) and refuse unknown fields; a storyboard object cannot exist unless it is valid.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    SerializeAsAny,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

MIN_SCENE_S, MAX_SCENE_S = 1, 60  # that a request may allow
MAX_SCENES = 60
MAX_PROMPT_CHARACTERS = 4000
MAX_SCRIPT_CHARACTERS = 20_000  # of a prompt that is a finished script
MAX_METADATA_BYTES = 4096
MIN_TOKENS_A_SCENE = 20  # sampled, that always suffice to close one scene; worker/script/grammar.py computes as many
MIN_TOKENS_A_FIELD = 4  # and so many more for each further field
MIN_TOKENS_A_CAST = 8  # and where the model writes the cast
MIN_TOKENS_A_LINE = 4  # and where it writes an outline first
MAX_CAST = 8  # of a cast
MAX_CANDIDATES = 4
MAX_SPOKEN_LINES = 3  # of a dialogue
MAX_NEW_TOKENS = 16384
QUALITY_KEYWORDS = "high quality, cinematic, detailed, 4k, professional"

Camera = Literal["wide shot", "medium shot", "close up"]
FieldName = Literal[
    "size",
    "angle",
    "movement",
    "pace",
    "transition",
    "setting",
    "light",
    "narration",
    "dialogue",
    "sound",
    "on_screen_text",
    "first_frame",
    "last_frame",
    "characters",
]
Size = Literal[
    "extreme wide", "wide", "full", "medium wide", "medium", "medium close up", "close up", "extreme close up"
]
Angle = Literal["eye level", "low", "high", "overhead", "ground level", "dutch", "over the shoulder", "point of view"]
Movement = Literal[
    "static",
    "push in",
    "pull out",
    "pan left",
    "pan right",
    "tilt up",
    "tilt down",
    "truck left",
    "truck right",
    "crane up",
    "crane down",
    "orbit",
    "follow",
    "handheld",
    "zoom in",
    "zoom out",
]
Tempo = Literal["slow", "normal", "fast"]
Transition = Literal["cut", "dissolve", "fade", "wipe", "match cut"]
TargetName = Literal[
    "generic", "wan-2.2", "hunyuan-1.5", "ltx-2", "minimax-h3", "kling-3", "veo-3.1", "sora-2", "seedance-2"
]  # video models; what each wants is in shared/board/targets/table.py
AspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "21:9"]
ExportFormat = Literal["json", "csv", "srt", "vtt", "otio", "edl", "fcpxml", "fountain", "md", "prompts"]
FrameRate = Literal[24, 25, 30, 50, 60]
Mode = Literal["write", "break_down"]
Priority = Literal["high", "normal", "low"]
Source = Literal["model", "repaired", "fallback", "cache", "stub", "edited"]
Phase = Literal["starting", "prefill", "writing", "validating"]
WebhookEvent = Literal["status", "scene", "done"]
EventName = Literal[WebhookEvent, "progress"]
WorkerPhase = Literal["loading", "ready", "draining", "broken"]

PRIORITIES: tuple[Priority, ...] = get_args(Priority)  # the first comes first

# Control characters, line breaks among them, and marks that turn the order of a whole line around.
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _whole(number: float) -> float | int:
    return int(number) if math.isfinite(number) and number == int(number) else number


Seconds = Annotated[float, PlainSerializer(_whole), WithJsonSchema({"type": "number"})]  # 5.0 is written as 5


_HOUR, _SIXTIETH = r"(?:[01]\d|2[0-3])", r"[0-5]\d"
_RFC_3339 = re.compile(
    rf"\d{{4}}-\d\d-\d\d[Tt ]{_HOUR}:{_SIXTIETH}(:{_SIXTIETH}(\.\d+)?)?([Zz]|[+-]{_HOUR}:?{_SIXTIETH})"
)


def _text_only(value: Any) -> Any:
    """pydantic alone takes a text of digits for seconds since 1970."""
    zoned = value.tzinfo if isinstance(value, datetime) else isinstance(value, str) and _RFC_3339.fullmatch(value)
    if zoned:
        return value
    raise PydanticCustomError("datetime_type", "must be an RFC 3339 time with its zone, as text: 2026-01-31T18:00:00Z")


Time = Annotated[AwareDatetime, BeforeValidator(_text_only), Field(strict=False)]


_LANGUAGE_TAG = re.compile(  # of RFC 5646 what names a language; alone private or grandfathered ones do not
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*"
    r"(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?",
    re.ASCII | re.IGNORECASE,
)


def _usual_case(tag: str) -> str:
    """A well-formed language tag as it is usually written: `zh-Hant-TW`."""
    if not _LANGUAGE_TAG.fullmatch(tag):
        raise PydanticCustomError("language_tag", "must be auto or a BCP 47 tag, such as zh-Hant, pt-BR or es-419")
    language, *rest = tag.lower().split("-")
    end = next((at for at, part in enumerate(rest) if len(part) == 1), len(rest))  # what follows is no name's
    usual = [{2: part.upper(), 4: part.capitalize()}.get(len(part), part) for part in rest[:end]]
    return "-".join((language, *usual, *rest[end:]))


LanguageTag = Annotated[str, Field(max_length=35), AfterValidator(_usual_case)]


class Shape(BaseModel):
    # pydantic keeps up to 16,384 short strings that it has read; prompts and ids do not come again.
    model_config = ConfigDict(extra="forbid", protected_namespaces=(), cache_strings="keys")


class StrictShape(Shape):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=())


# -- what comes in ----------------------------------------------------------------------------------------------------


class Sampling(StrictShape):
    """How tokens are chosen. A field left out takes the service's `GENERATION__*` setting."""

    do_sample: bool = True
    temperature: float = Field(0.7, ge=0, le=2, description="0 is greedy")
    top_p: float = Field(0.9, gt=0, le=1)
    seed: int | None = Field(None, ge=0, le=2**53 - 1, description="null: drawn at submit and told in `model.seed`")
    max_new_tokens: int = Field(
        1536,
        ge=1,
        le=MAX_NEW_TOKENS,
        description="sampled tokens; those the grammar forces are free. Left out, it grows with fields and scenes",
    )


class Webhook(StrictShape):
    """Where the job's events are posted."""

    url: str = Field(max_length=2048, examples=["https://example.com/hook"])
    events: tuple[WebhookEvent, ...] = Field(("done",), min_length=1, strict=False)

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
            secret = parts.username is not None or parts.password is not None
        except ValueError:
            valid = secret = False
        if not valid or any(character.isspace() for character in url):
            raise PydanticCustomError("url", "must be an http or https URL")
        if secret:
            raise PydanticCustomError("url_credentials", "must hold no user and password: deliveries are signed")
        return url


def scene_counts(total_s: float, scenes: tuple[int, int], seconds: tuple[int, int]) -> range:
    """How many scenes, from the fewest to the most, can last so long together, each from the shortest to the
    longest."""
    least = max(scenes[0], math.ceil(total_s / seconds[1]))
    return range(least, min(scenes[1], math.floor(total_s / seconds[0])) + 1)


def min_tokens_a_scene(fields: Sequence[FieldName], *, writes_cast: bool = False, outline: bool = False) -> int:
    """Sampled, that always suffice to close one scene with these further fields."""
    before = MIN_TOKENS_A_CAST * writes_cast + MIN_TOKENS_A_LINE * outline
    return MIN_TOKENS_A_SCENE + MIN_TOKENS_A_FIELD * len(fields) + before


class Character(StrictShape):
    """One of the cast. The look is what every prompt of a shot says that shows the person, word for word."""

    id: str = Field(pattern=r"^[a-z0-9_]{1,20}$", examples=["xiaoyu"])
    name: str = Field(min_length=1, max_length=40, examples=["小雨"])
    look: str = Field(min_length=1, max_length=300, examples=["十岁的女孩，红色雨衣，黄色雨靴"])

    @field_validator("name", "look")
    @classmethod
    def _shows(cls, text: str) -> str:
        text = _UNSHOWN.sub(" ", text)
        if not text.strip():
            raise PydanticCustomError("blank", "must not be blank")
        return text


class SpokenLine(Shape):
    """What one of the cast says in a shot."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_min_length=1)

    character: str = Field(description="the id of one of the cast")
    line: str


# Fields of a request that came after the first ones and decide what is written. Where none is given, a request is what
# it was before they came: its likeness, its fingerprint and its board.
DECIDING_LATER = (
    *("mode", "fields", "characters", "style", "instructions", "aspect_ratio", "targets"),
    *("scene_min_s", "scene_max_s"),
    "distinct",
    "candidates",
    "outline",
    *("base", "rewrite", "note"),
    "model",
)


class Base(StrictShape):
    """A board to start from: a job's, a given one, or both: the given one as a take of that job."""

    job: UUID | None = Field(None, strict=False, description="one of yours, with a result")
    storyboard: dict[str, JsonValue] | None = Field(
        None, description="as `result` has it; `null` among its `scenes`: write one here. What is computed is ignored"
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.job is None and self.storyboard is None:
            raise PydanticCustomError("no_base", "must name a job, or hold a storyboard")
        return self


class JobRequest(StrictShape):
    """One creative prompt and how to write its storyboard."""

    # The prompt is a base's own where one is named, which a schema cannot say.
    model_config = ConfigDict(json_schema_extra={"required": []})

    mode: Mode = Field("write", description="`break_down`: the prompt is a finished script, and its words are kept")
    prompt: str = Field(
        min_length=1,
        max_length=MAX_SCRIPT_CHARACTERS,
        description=f"to {MAX_PROMPT_CHARACTERS:,} characters, a finished script to {MAX_SCRIPT_CHARACTERS:,}; "
        "may be left out with `base`",
        examples=["一个程序员在咖啡店找到灵感的故事"],
    )
    min_scenes: int = Field(3, ge=1, le=MAX_SCENES)
    max_scenes: int = Field(8, ge=1, le=MAX_SCENES, validate_default=True)  # against min_scenes
    scene_min_s: int = Field(3, ge=MIN_SCENE_S, le=MAX_SCENE_S, description="the shortest a scene may last")
    scene_max_s: int = Field(8, ge=MIN_SCENE_S, le=MAX_SCENE_S, validate_default=True)  # against scene_min_s
    target_duration_s: float | None = Field(None, gt=0, description="when set, total_duration equals it")
    language: LanguageTag = Field("auto", description="a BCP 47 tag; auto: the prompt's own", examples=["pt-BR"])
    characters: tuple[Character, ...] = Field(
        (), max_length=MAX_CAST, strict=False, description="the cast; with it `fields` has `characters`"
    )
    fields: tuple[FieldName, ...] = Field(
        (), strict=False, description="of each scene, besides those that all have", validate_default=True
    )  # against mode and characters
    style: str | None = Field(None, min_length=1, max_length=200, description="the visual style of the whole board")
    instructions: str | None = Field(None, min_length=1, max_length=1000, description="what the writer must heed")
    aspect_ratio: AspectRatio | None = None
    targets: tuple[TargetName, ...] = Field((), strict=False, description="video models to write prompts for")
    distinct: bool = Field(True, description="no two scenes the same or nearly so")
    outline: bool = Field(False, description="outline the scenes first, a line each; takes longer")
    base: Base | None = Field(
        None, description="start from this board; of a `job` the prompt and all of the above are its own if left out"
    )
    rewrite: tuple[Annotated[int, Field(ge=1, le=MAX_SCENES)], ...] = Field(
        (),
        strict=False,
        max_length=MAX_SCENES,
        description="with `base`: write these scenes anew, all others stay; numbers after the last one append",
        validate_default=True,
    )
    note: str | None = Field(None, min_length=1, max_length=500, description="with `rewrite`: what should be different")
    model: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        pattern=r"^\S(.*\S)?$",
        description="only workers that serve this model write it, as `GET /queue` names them; null: any worker",
        examples=["qwen2.5-coder-1.5b"],
    )
    read_prompt: bool = Field(True, description="a length or a number of scenes in the prompt fills fields left out")
    quality_keywords: str = Field(
        QUALITY_KEYWORDS, min_length=1, max_length=500, description="control characters count as blanks"
    )
    sampling: Sampling = Sampling()
    candidates: int = Field(  # against sampling
        1,
        ge=1,
        le=MAX_CANDIDATES,
        validate_default=True,
        description="boards that are written side by side; the best by measurable rules is the result",
    )
    priority: Priority = "normal"
    allow_fallback: bool = True
    use_cache: bool = Field(True, description="false: a generation of its own, whose result answers no other job")
    queue_timeout_s: float = Field(3600, gt=0, le=7 * 86400, description="longest wait for the first start")
    execution_timeout_s: float = Field(300, gt=0, le=86400)
    result_ttl_s: float = Field(86400, ge=1, le=30 * 86400, description="how long the result is kept")
    deadline: Time | None = Field(None, description="the job must have started by then")
    webhook: Webhook | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict, description="echoed; at most 4 kB as JSON")

    @field_validator("quality_keywords", "style")
    @classmethod
    def _on_one_line(cls, text: str | None) -> str | None:
        """Part of the board, which reaches terminals and files as it is."""
        return text and _UNSHOWN.sub(" ", text)

    @field_validator("prompt", "quality_keywords", "style", "instructions", "note")
    @classmethod
    def _says_something(cls, text: str | None) -> str | None:
        if text is not None and not text.strip():
            raise PydanticCustomError("blank", "must not be blank")
        return text

    @field_validator("prompt")
    @classmethod
    def _short_unless_finished(cls, prompt: str, info: Any) -> str:
        if info.data.get("mode") == "write" and len(prompt) > MAX_PROMPT_CHARACTERS:
            raise PydanticKnownError("string_too_long", {"max_length": MAX_PROMPT_CHARACTERS})
        return prompt

    @field_validator("fields", "targets")
    @classmethod
    def _each_once(cls, names: tuple[str, ...], info: Any) -> tuple[str, ...]:
        """In the table's order, so that requests for the same are the same. A script has narration."""
        known = get_args(FieldName if info.field_name == "fields" else TargetName)
        if info.field_name == "fields" and info.data.get("mode") == "break_down":
            names = (*names, "narration")
        if info.field_name == "fields" and info.data.get("characters"):
            names = (*names, "characters")
        return tuple(name for name in known if name in names)

    @field_validator("fields")
    @classmethod
    def _has_who_speaks(cls, names: tuple[str, ...], info: Any) -> tuple[str, ...]:
        if "dialogue" in names and "characters" not in names and "characters" in info.data:
            raise PydanticCustomError(
                "no_cast",
                'dialogue needs a cast: give characters, or ask for the field "characters" to have one written',
            )
        return names

    @field_validator("characters")
    @classmethod
    def _distinct_ids(cls, cast: tuple[Character, ...]) -> tuple[Character, ...]:
        ids = [character.id for character in cast]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise PydanticCustomError("same_id", "each needs an id of its own; twice: {ids}", {"ids": ", ".join(twice)})
        return cast

    @field_validator("base")
    @classmethod
    def _planned_already(cls, base: Base | None, info: Any) -> Base | None:
        if base is not None and info.data.get("outline"):
            raise PydanticCustomError("outlined", "cannot be with outline, which plans a whole board")
        return base

    @field_validator("rewrite")
    @classmethod
    def _of_a_base(cls, numbers: tuple[int, ...], info: Any) -> tuple[int, ...]:
        if numbers and info.data.get("base", True) is None:
            raise PydanticCustomError("no_base", "names scenes of a board: give base")
        if len(set(numbers)) < len(numbers):
            raise PydanticCustomError("same_scene", "must name each scene once")
        return tuple(sorted(numbers))

    @field_validator("note")
    @classmethod
    def _of_a_rewrite(cls, note: str | None, info: Any) -> str | None:
        if note is not None and info.data.get("rewrite") == ():
            raise PydanticCustomError("nothing_to_write", "is for scenes that are written: give base and rewrite")
        return note

    @field_validator("metadata")
    @classmethod
    def _small(cls, metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
        try:
            size_bytes = len(json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode())
        except ValueError:
            raise PydanticCustomError("json", "must hold finite numbers and well-formed text only") from None
        if size_bytes > MAX_METADATA_BYTES:
            raise PydanticCustomError(
                "too_long",
                "takes {size_bytes} bytes as JSON; {limit_bytes} are allowed",
                {"size_bytes": size_bytes, "limit_bytes": MAX_METADATA_BYTES},
            )
        return metadata

    # Checks over several fields stand on the field that is usually at fault, so that the error has its pointer.

    @field_validator("max_scenes", "scene_max_s")
    @classmethod
    def _not_below_min(cls, most: int, info: Any) -> int:
        name = "min_scenes" if info.field_name == "max_scenes" else "scene_min_s"
        least = info.data.get(name, 1)
        if most < least:
            raise PydanticCustomError(
                "scene_limits", "must be at least {name} ({least})", {"name": name, "least": least}
            )
        return most

    @field_validator("target_duration_s")
    @classmethod
    def _reachable(cls, target_s: float | None, info: Any) -> float | None:
        names = ("min_scenes", "max_scenes", "scene_min_s", "scene_max_s")
        if target_s is None or not {*names} <= info.data.keys():
            return target_s
        if info.data.get("mode") == "break_down":  # limits that are left out are the script's
            return target_s
        least, most, shortest_s, longest_s = (info.data[name] for name in names)
        if not scene_counts(target_s, (least, most), (shortest_s, longest_s)):
            words = "last {least_s} to {most_s} s"
            if least * shortest_s <= target_s <= most * longest_s:  # fewer are too short, one more is too long
                words = "cannot last {target_s} s"
            raise PydanticCustomError(
                "unreachable_duration",
                f"{{min_scenes}} to {{max_scenes}} scenes of {{scene_min_s}} to {{scene_max_s}} s {words}",
                {name: info.data[name] for name in names}
                | {"least_s": least * shortest_s, "most_s": most * longest_s, "target_s": f"{target_s:g}"},
            )
        return target_s

    @field_validator("sampling")
    @classmethod
    def _enough_tokens(cls, sampling: Sampling, info: Any) -> Sampling:
        if "max_new_tokens" not in sampling.model_fields_set:  # the service's default grows with what is wanted
            return sampling
        fields, starts_from = info.data.get("fields", ()), info.data.get("base")
        writes_cast = "characters" in fields and not (info.data.get("characters") or starts_from)
        a_scene = min_tokens_a_scene(fields, writes_cast=writes_cast, outline=info.data.get("outline", False))
        scenes = len(info.data.get("rewrite", ())) if starts_from else info.data.get("min_scenes", 1)
        least = a_scene * scenes
        if sampling.max_new_tokens < least:
            raise PydanticCustomError(
                "too_few_tokens",
                "max_new_tokens must be at least {least} for {min_scenes} scenes ({a_scene} a scene)",
                {"least": least, "min_scenes": scenes, "a_scene": a_scene},
            )
        return sampling

    @field_validator("candidates")
    @classmethod
    def _differ(cls, count: int, info: Any) -> int:
        sampling = info.data.get("sampling")
        if count > 1 and sampling and not (sampling.do_sample and sampling.temperature):
            raise PydanticCustomError(
                "same_candidates", "greedy candidates are all the same: sample them, at a temperature above 0"
            )
        return count

    @property
    def writes_cast(self) -> bool:
        """Whether the model writes one before the scenes."""
        return "characters" in self.fields and not (self.characters or self.base)

    @property
    def scenes_written(self) -> tuple[int, int]:
        """The fewest and the most scenes that are written: of a `base` those that are not kept."""
        return (len(self.rewrite),) * 2 if self.base else (self.min_scenes, self.max_scenes)


# -- what comes out ---------------------------------------------------------------------------------------------------


def optional(description: str = "") -> Any:
    """A field that a request asks for: absent where it did not, or where there is nothing to say."""
    return Field(None, description=description or None, exclude_if=lambda value: value is None)


class Scene(Shape):
    """One scene of a storyboard."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_min_length=1)

    scene_number: int = Field(ge=1, le=MAX_SCENES)
    description: str
    duration: Seconds = Field(ge=MIN_SCENE_S, le=MAX_SCENE_S, description="seconds")
    camera: Camera
    action: str
    video_prompt: str = Field(description="the description and the quality keywords, for a text-to-video model")
    size: Size | None = optional()
    angle: Angle | None = optional()
    movement: Movement | None = optional()
    pace: Tempo | None = optional()
    transition: Transition | None = optional()
    setting: str | None = optional("place and time of day")
    light: str | None = optional()
    narration: str | None = optional("spoken over the shot")
    dialogue: tuple[SpokenLine, ...] | None = optional("spoken in the shot; [] where nobody speaks")
    sound: str | None = optional()
    on_screen_text: str | None = optional()
    first_frame: str | None = optional("for image-to-video models")
    last_frame: str | None = optional("for image-to-video models")
    characters: tuple[str, ...] | None = optional("ids of the cast who are seen")
    prompts: dict[str, str] | None = optional("by the name of a target the scene's prompt for it")

    @model_validator(mode="after")
    def _holds(self) -> Self:
        if not (self.description.strip() and self.action.strip()):
            raise ValueError("description and action must not be blank")
        if not self.video_prompt.startswith(self.description + ", "):
            raise ValueError("video_prompt must be the description, a comma and the quality keywords")
        return self


class Storyboard(Shape):
    """A validated storyboard. The number of scenes is between the request's `min_scenes` and `max_scenes`."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_min_length=1)

    title: str
    total_duration: Seconds = Field(description="seconds, the sum of the scenes")
    scenes: tuple[SerializeAsAny[Scene], ...] = Field(min_length=1, max_length=MAX_SCENES)
    characters: tuple[Character, ...] | None = optional("the cast, as it was given or written")
    style: str | None = optional("as the request gave it")
    aspect_ratio: AspectRatio | None = optional("as the request gave it")
    language: str | None = optional("the BCP 47 tag of its texts")

    @model_validator(mode="after")
    def _holds(self) -> Self:
        if not self.title.strip():
            raise ValueError("title must not be blank")
        if [scene.scene_number for scene in self.scenes] != list(range(1, len(self.scenes) + 1)):
            raise ValueError("scene_number must count from 1")
        if abs(self.total_duration - math.fsum(scene.duration for scene in self.scenes)) > 1e-6:
            raise ValueError("total_duration must be the sum of the scenes")
        cast = {character.id for character in self.characters or ()}
        for scene in self.scenes:
            used = {*(scene.characters or ()), *(line.character for line in scene.dialogue or ())}
            if not used <= cast:
                raise ValueError(f"scene {scene.scene_number}: {', '.join(sorted(used - cast))} not in the cast")
        return self


class Status(StrEnum):
    """Where a job is: queued -> running -> (canceling ->) one of the four that are done."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def done(self) -> bool:
        return self in _DONE


_DONE = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED})


class QueuePlace(Shape):
    position: int = Field(ge=1, description="1 is next")
    eta_s: float | None = Field(description="seconds until a result; null when there is nothing to measure by")
    waits_for: str | None = optional("what must come before it can start: a worker that serves the model it names")


class Progress(Shape):
    phase: Phase
    tokens: int = Field(0, ge=0, description="tokens written so far, forced ones included")
    scenes_done: int = Field(0, ge=0)
    fraction: float = Field(0.0, ge=0, le=1)
    text: str | None = optional("the end of what is written, as raw text that may still change; not in events")


class ModelInfo(Shape):
    name: str
    revision: str | None = None
    dtype: str | None = None
    weight_bits: int | None = None
    seed: int | None = None


class Metrics(Shape):
    queue_s: float
    run_s: float
    prompt_tokens: int
    output_tokens: int
    tokens_per_s: float


class RepairCode(Shape):
    """A repair for programs: `repairs` says the same in English."""

    code: str = Field(description="clients show one that they do not know by its sentence in `repairs`")
    scene: int | None = Field(None, description="the number of the scene that it is about; null: the board")
    values: dict[str, str] = Field({}, description="what stands in its sentence, by name")


class Failure(Shape):
    code: str
    title: str
    detail: str
    retryable: bool
    text: str | None = optional("the end of what the model had written")


class Urls(Shape):
    self: str
    events: str
    result: str
    cancel: str

    @classmethod
    def of(cls, job_id: UUID | str, prefix: str = "") -> Urls:
        base = f"{prefix}/jobs/{job_id}"
        return cls(self=base, events=f"{base}/events", result=f"{base}/result", cancel=f"{base}/cancel")


Durability = Literal["replicated", "primary"]


class Job(Shape):
    """A job as clients see it. Poll until `done`."""

    id: UUID
    status: Status
    done: bool
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    attempt: int = Field(0, ge=0)
    priority: Priority
    queue: QueuePlace | None = None
    progress: Progress | None = None
    scenes: list[SerializeAsAny[Scene]] = []
    result: Storyboard | None = None
    source: Source | None = None
    repairs: list[str] = []
    repair_codes: list[RepairCode] = Field([], description="of each of the `repairs`, in their order")
    notes: list[str] = Field(
        [], description="what was read in the prompt, what of it cannot be met, why a candidate was chosen"
    )
    model: ModelInfo | None = None
    metrics: Metrics | None = None
    error: Failure | None = None
    metadata: dict[str, JsonValue] = {}
    retry_of: UUID | None = Field(None, description="the job that this one tries again")
    base_of: UUID | None = Field(None, description="the job whose board this one started from")
    batch: UUID | None = Field(None, description="the batch that it came in")
    prompt_start: str = Field("", description="the first 80 characters of the prompt")
    durability: Durability | None = Field(
        None,
        description="`replicated`: what this says is on as many replicas as the service waits for; `primary`: on the "
        "primary alone, as far as is known, and a failover may lose it; null: the service waits for none",
    )
    urls: Urls


class DeadJob(Shape):
    """A job that failed as `worker_lost`. A crash ends the worker; a lapse is its being killed or silent."""

    id: UUID
    failed_at: datetime
    attempts: int = Field(ge=1)
    crashes: int = Field(ge=0)
    lapses: int = Field(ge=0)
    prompt: str
    priority: Priority
    metadata: dict[str, JsonValue]


DeliveryType = Literal["job.status", "job.scene", "job.done"]
DeliveryState = Literal["waiting", "sending", "delivered", "failed", "dropped"]
DeliveryFault = Literal[
    "timeout", "name_not_resolved", "address_refused", "connection_failed", "tls_failed", "bad_answer", "internal"
]


class DeliveryAttempt(Shape):
    """One try to deliver an event."""

    at: datetime
    took_s: float = Field(ge=0)
    status: int | None = Field(None, description="the receiver's answer; null: there was none")
    error: DeliveryFault | None = Field(None, description="why there was no answer")

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Delivery(Shape):
    """One event of a job on its way to the job's webhook."""

    number: int = Field(ge=1, description="the event's number, as in the job's event stream")
    webhook_id: str = Field(description="the header of this name; the same in every try")
    type: DeliveryType
    created_at: datetime
    state: DeliveryState = Field(description="`failed`: it is not tried again; `dropped`: nor ever was, after a 410")
    tries: int = Field(ge=0, description="since it was created or last sent again")
    attempts: list[DeliveryAttempt] = Field(description="the last 20")
    next_attempt_at: datetime | None = Field(None, description="while `waiting`")
