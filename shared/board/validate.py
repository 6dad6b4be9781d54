"""From a raw storyboard to a valid one: mends what can be mended and tells each mend; refuses what cannot."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from scriptqueue.scene_fields import MAX_TITLE_CHARACTERS, SCENE_FIELDS, Fields, SceneField, names, of_kind, written
from scriptqueue.schemas import MAX_SCENE_S, MIN_SCENE_S, JobRequest, Scene, Storyboard
from shared.board.duration import read_duration
from shared.board.scenes import COMPUTED, assemble, values_of
from shared.board.timing import COMFORTABLE_SCENE_S, durations, spread
from shared.errors import OutputInvalid


def validate(
    raw: dict[str, Any], request: JobRequest, published: Sequence[Scene] = (), fields: Fields = SCENE_FIELDS
) -> tuple[Storyboard, list[str]]:
    """A valid storyboard that begins with the scenes that are `published`, and what was mended for it; raises
    `OutputInvalid`."""
    repairs: list[str] = []
    listed = raw.get("scenes")
    entries = listed if isinstance(listed, (list, tuple)) else []
    scenes = [
        scene
        for scene in (read_scene(entry, number, repairs, fields) for number, entry in enumerate(entries, 1))
        if scene
    ]
    most = request.max_scenes
    if len(scenes) > most:
        repairs.append(f"{len(scenes) - most} scenes above the maximum of {most} were cut")
        scenes = scenes[:most]
    kept = values_of(published, fields)
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
    return assemble(title, scenes, request, fields), repairs


def read_scene(entry: Any, number: int, repairs: list[str], fields: Fields = SCENE_FIELDS) -> dict[str, Any] | None:
    """The fields of a scene that are written, or None when the entry says nothing of what is seen or done."""
    return _Reading(entry, number, repairs, fields).scene()


class _Reading:
    """One entry of the raw list, read as a scene."""

    def __init__(self, entry: Any, number: int, repairs: list[str], fields: Fields) -> None:
        self._number = number
        self._repairs = repairs
        self._fields = fields
        self._names = names(fields)
        if isinstance(entry, str):
            self._tell("a bare text was taken as its description")
            entry = {"description": entry}
        self._entry: dict[Any, Any] = entry if isinstance(entry, dict) else {}

    def scene(self) -> dict[str, Any] | None:
        """As `read_scene`; a text or a term that says nothing is absent."""
        values: dict[str, Any] = {field.name: self._text(field.name) for field in of_kind("text", self._fields)}
        if not values["description"] and not values["action"]:
            self._tell("dropped: neither description nor action")
            return None
        for name, other in (("description", "action"), ("action", "description")):
            if not values[name]:
                self._tell(f"{name} missing, taken from the {other}")
                values[name] = values[other]
        for field in written(self._fields):
            if field.kind == "seconds":
                values[field.name] = self._seconds(field.name)
            elif field.kind == "term":
                values[field.name] = self._term(field)
        self._tell_rest()
        return {field.name: values[field.name] for field in written(self._fields) if values[field.name]}

    def _text(self, name: str) -> str:
        return _clean(self._value(name), f"scene {self._number}: {name}", self._repairs)

    def _seconds(self, name: str) -> float:
        value = self._value(name)
        seconds = read_duration(value)
        if seconds is None:
            self._tell(f"{name} missing, {COMFORTABLE_SCENE_S} s assumed")
            return COMFORTABLE_SCENE_S
        if isinstance(value, str):
            self._tell(f"{name} {value[:20]!r} read as {seconds:g} s")
        clamped = min(max(seconds, MIN_SCENE_S), MAX_SCENE_S)
        if clamped != seconds:
            self._tell(f"{name} {seconds:g} s clamped to {clamped:g} s")
        return clamped

    def _term(self, field: SceneField) -> str:
        value = self._value(field.name)
        term = None if value is None else field.read(value) if field.read else _own_term(field, value)
        if term is None:
            words = "missing" if value is None else repr(str(value)[:40])
            if field.default:
                self._tell(f"{field.name} {words}, {field.default!r} assumed")
            elif value is not None:
                self._tell(f"{field.name} {words} is no term of it and was left out")
            return field.default
        if value != term:
            self._tell(f"{field.name} {str(value)[:40]!r} read as {term!r}")
        return term

    def _value(self, field: str) -> Any:
        for name in self._names[field]:
            if self._entry.get(name) is not None:
                if name != field:
                    self._tell(f"{field} read from {name!r}")
                return self._entry[name]
        return None

    def _tell_rest(self) -> None:
        number = self._value("scene_number") if "scene_number" not in self._entry else self._entry["scene_number"]
        if number is not None and number != self._number:
            self._tell(f"scene_number {str(number)[:20]!r} set to its place")
        known = {name for each in self._names.values() for name in each} | set(COMPUTED)
        unknown = [str(name)[:20] for name in self._entry if name not in known]
        if unknown:
            self._tell(f"unknown fields dropped: {', '.join(sorted(unknown))}")

    def _tell(self, what: str) -> None:
        self._repairs.append(f"scene {self._number}: {what}")


def _own_term(field: SceneField, value: Any) -> str | None:
    """The term that a value is, but for its case and its separators."""
    words = " ".join(re.split(r"[\s_-]+", str(value).strip().lower()))
    return words if words in field.terms else None


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
