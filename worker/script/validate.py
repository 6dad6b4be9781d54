"""From a raw storyboard to a valid one: mends what can be mended and tells each mend; refuses what cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scriptqueue.schemas import MAX_SCENE_S, MIN_SCENE_S, Camera, JobRequest, Scene, Storyboard
from shared.errors import OutputInvalid
from worker.script.camera import DEFAULT, read_camera
from worker.script.duration import read_duration
from worker.script.grammar import COMFORTABLE_SCENE_S, FIELDS, MAX_TITLE_CHARACTERS, durations, spread
from worker.script.prompt import optimize_prompt_for_video

_NAMES = {
    "description": ("description", "描述", "画面描述", "画面", "内容", "desc", "visual", "text", "场景描述"),
    "action": ("action", "动作", "动作描述", "动作说明", "movement"),
    "camera": ("camera", "镜头", "景别", "camera_angle", "camera_shot", "shot", "shot_type", "机位"),
    "duration": ("duration", "时长", "duration_s", "seconds", "time", "持续时间"),
    "scene_number": ("scene_number", "场景编号", "编号", "序号", "number", "scene", "id", "镜号"),
}
_COMPUTED = ("video_prompt",)  # never asked of a model


def validate(raw: dict[str, Any], request: JobRequest, published: Sequence[Scene] = ()) -> tuple[Storyboard, list[str]]:
    """A valid storyboard that begins with the scenes that are `published`, and what was mended for it; raises
    `OutputInvalid`."""
    repairs: list[str] = []
    listed = raw.get("scenes")
    entries = listed if isinstance(listed, (list, tuple)) else []
    scenes = [
        scene for scene in (read_scene(entry, number, repairs) for number, entry in enumerate(entries, 1)) if scene
    ]
    most = request.max_scenes
    if len(scenes) > most:
        repairs.append(f"{len(scenes) - most} scenes above the maximum of {most} were cut")
        scenes = scenes[:most]
    kept = fields_of(published)
    if scenes[: len(kept)] != kept:
        repairs.append(f"the first {len(kept)} scenes stay as they were published")
        scenes[: len(kept)] = kept
    if len(scenes) < request.min_scenes:
        raise OutputInvalid(f"{len(scenes)} scenes; at least {request.min_scenes} are needed")
    _fit_target(scenes, len(kept), request, repairs)
    title = _clean(raw.get("title"), "title", repairs)
    if not title:
        title = request.prompt.strip().splitlines()[0].strip()[:MAX_TITLE_CHARACTERS]
        title = _clean(title, "title", []) or "storyboard"
        repairs.append("title: missing, taken from the prompt")
    return assemble(title, scenes, request), repairs


def assemble(title: str, scenes: list[dict[str, Any]], request: JobRequest) -> Storyboard:
    """Number the scenes (description, duration, camera, action) and compute what no model is asked for."""
    return Storyboard(
        title=title,
        total_duration=math.fsum(scene["duration"] for scene in scenes),
        scenes=numbered(scenes, request),
    )


def numbered(scenes: list[dict[str, Any]], request: JobRequest) -> tuple[Scene, ...]:
    return tuple(
        Scene(
            scene_number=number,
            video_prompt=optimize_prompt_for_video(scene["description"], request.quality_keywords),
            **scene,
        )
        for number, scene in enumerate(scenes, start=1)
    )


def fields_of(scenes: Sequence[Scene]) -> list[dict[str, Any]]:
    """The inverse of `numbered`."""
    return [scene.model_dump(include=set(FIELDS)) for scene in scenes]


def read_scene(entry: Any, number: int, repairs: list[str]) -> dict[str, Any] | None:
    """The four fields of a scene, or None when the entry says nothing of what is seen or done."""
    return _Reading(entry, number, repairs).scene()


class _Reading:
    """One entry of the raw list, read as a scene."""

    def __init__(self, entry: Any, number: int, repairs: list[str]) -> None:
        self._number = number
        self._repairs = repairs
        if isinstance(entry, str):
            self._tell("a bare text was taken as its description")
            entry = {"description": entry}
        self._entry: dict[Any, Any] = entry if isinstance(entry, dict) else {}

    def scene(self) -> dict[str, Any] | None:
        """The four fields, or None when the entry says nothing of what is seen or done."""
        description, action = self._text("description"), self._text("action")
        if not description and not action:
            self._tell("dropped: neither description nor action")
            return None
        if not description:
            self._tell("description missing, taken from the action")
        if not action:
            self._tell("action missing, taken from the description")
        scene = {
            "description": description or action,
            "duration": self._duration(),
            "camera": self._camera(),
            "action": action or description,
        }
        self._tell_rest()
        return scene

    def _text(self, field: str) -> str:
        return _clean(self._value(field), f"scene {self._number}: {field}", self._repairs)

    def _duration(self) -> float:
        value = self._value("duration")
        seconds = read_duration(value)
        if seconds is None:
            self._tell(f"duration missing, {COMFORTABLE_SCENE_S} s assumed")
            return COMFORTABLE_SCENE_S
        if isinstance(value, str):
            self._tell(f"duration {value[:20]!r} read as {seconds:g} s")
        clamped = min(max(seconds, MIN_SCENE_S), MAX_SCENE_S)
        if clamped != seconds:
            self._tell(f"duration {seconds:g} s clamped to {clamped:g} s")
        return clamped

    def _camera(self) -> Camera:
        value = self._value("camera")
        camera = read_camera(value) if value is not None else None
        if camera is None:
            self._tell(f"camera {'missing' if value is None else repr(str(value)[:40])}, {DEFAULT!r} assumed")
            return DEFAULT
        if value != camera:
            self._tell(f"camera {str(value)[:40]!r} read as {camera!r}")
        return camera

    def _value(self, field: str) -> Any:
        for name in _NAMES[field]:
            if self._entry.get(name) is not None:
                if name != field:
                    self._tell(f"{field} read from {name!r}")
                return self._entry[name]
        return None

    def _tell_rest(self) -> None:
        number = self._value("scene_number") if "scene_number" not in self._entry else self._entry["scene_number"]
        if number is not None and number != self._number:
            self._tell(f"scene_number {str(number)[:20]!r} set to its place")
        known = {name for names in _NAMES.values() for name in names} | set(_COMPUTED)
        unknown = [str(name)[:20] for name in self._entry if name not in known]
        if unknown:
            self._tell(f"unknown fields dropped: {', '.join(sorted(unknown))}")

    def _tell(self, what: str) -> None:
        self._repairs.append(f"scene {self._number}: {what}")


def _fit_target(scenes: list[dict[str, Any]], kept: int, request: JobRequest, repairs: list[str]) -> None:
    """With a target the durations are the target's, not the model's; the first `kept` ones already are."""
    target_s = request.target_duration_s
    if target_s is None:
        return
    wanted = durations(request)
    if wanted and len(wanted) != len(scenes):
        first = tuple(scene["duration"] for scene in scenes[:kept])
        rest, rest_s = len(scenes) - kept, target_s - math.fsum(first)
        if not rest * MIN_SCENE_S <= rest_s <= rest * MAX_SCENE_S:
            raise OutputInvalid(f"{rest} scenes of 3 to 8 s cannot last {rest_s:g} s")
        wanted = (*first, *spread(rest_s, rest)) if rest else first
    assert wanted is not None
    if [scene["duration"] for scene in scenes] == list(wanted):
        return
    if math.fsum(scene["duration"] for scene in scenes) == target_s:
        return
    for scene, seconds in zip(scenes, wanted, strict=True):
        scene["duration"] = seconds
    repairs.append(f"durations set so that they sum to {target_s:g} s")


def _clean(value: Any, what: str, repairs: list[str]) -> str:
    """Text to show: no control or unpaired characters, no blanks around."""
    if value is None:
        return ""
    if not isinstance(value, str):
        repairs.append(f"{what}: {type(value).__name__} turned to text")
        parts = value if isinstance(value, list) else [value]
        value = "，".join(
            str(part) for part in parts if isinstance(part, (str, int, float)) and not isinstance(part, bool)
        )
    kept = "".join(c if c.isprintable() or c in "\u200d\ufe0f" else " " if c.isspace() else "" for c in value)
    kept = kept.strip()
    if not any(c.isprintable() and not c.isspace() for c in kept):
        kept = ""
    if kept != value:
        repairs.append(f"{what}: blanks around it or characters that cannot be shown were removed")
    return kept
