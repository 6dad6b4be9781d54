"""From any text to the raw storyboard in it: the first object or list that holds scenes.

Text that is JSON is taken as it is; the rest is cut into candidates, repaired by json-repair, and searched. Every way
out is a dictionary with a `scenes` list of at least one object or string, or `OutputInvalid`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, of_kind
from shared.errors import OutputInvalid

MAX_CHARACTERS = 200_000  # far above any storyboard; repair is not linear
MAX_CANDIDATES = 24
MAX_DEPTH = 12  # wrappers around scenes are few; deeper text is no storyboard
_SCENE_LISTS = ("scenes", "scene_list", "storyboard", "shots", "script", "分镜", "分镜头", "场景", "镜头列表", "脚本")
_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(r"```[\w-]*\s*\n(.*?)(?:```|\Z)", re.DOTALL)
_TITLES = ("title", "标题", "名称", "name", "片名")
_FULL_WIDTH = str.maketrans(
    {"“": '"', "”": '"', "＂": '"', "：": ":", "，": ",", "｛": "{", "｝": "}", "［": "[", "］": "]"}
    | {"【": "[", "】": "]"}
)


def parse(text: str, fields: Fields = SCENE_FIELDS) -> dict[str, Any]:
    """The raw storyboard in a text; raises `OutputInvalid` and nothing else."""
    if len(text) > MAX_CHARACTERS:
        raise OutputInvalid(f"{len(text)} characters are no storyboard; at most {MAX_CHARACTERS} are read")
    names = frozenset(name for field in fields for name in field.distinctive)
    best: dict[str, Any] | None = None
    for candidate in _candidates(text):
        found = _find(candidate, names, 0)
        if (
            found
            and all(_looks_like_scene(entry, names) for entry in found["scenes"])
            and not _is_example(found, fields)
        ):
            return found
        best = best or found
    if best:
        return best
    raise OutputInvalid(f"no scenes in {len(text)} characters of text")


def _candidates(text: str) -> Iterator[Any]:
    """Values that the text may hold, the likeliest first."""
    whole = _strict(text)
    if whole is not None:
        yield whole
    thinking = _THINKING.sub("", text)
    for part in (thinking, text) if thinking != text else (text,):
        for fenced in _FENCED.findall(part):
            yield from _repaired(fenced)
        for span in _spans(part):
            value = _strict(span)
            if value is not None:
                yield value
            else:
                yield from _repaired(span)
    if any(mark in text for mark in "“”：，｛【"):
        yield from _repaired(text.translate(_FULL_WIDTH))
    yield from _repaired(text)


def _spans(text: str) -> Iterator[str]:
    """Balanced objects and lists at the outermost level, then the last one that never closes."""
    given, at = 0, 0
    while given < MAX_CANDIDATES:
        opening = re.compile(r"[{\[]").search(text, at)
        if not opening:
            return
        start = opening.start()
        end = _end_of(text, start)
        yield text[start:end]
        given, at = given + 1, end


def _end_of(text: str, start: int) -> int:
    """Just past the bracket that closes the one at `start`, outside of strings; the text's end if none does."""
    depth, in_string, escaped = 0, False, False
    for index in range(start, len(text)):
        character = text[index]
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if not depth:
                return index + 1
    return len(text)


def _strict(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # json raises ValueError for integers of 5,000 digits, too
        return None


def _repaired(text: str) -> Iterator[Any]:
    if _depth(text) > MAX_DEPTH * 4:
        return
    import json_repair  # Flower's image, which loads worker.app, has no package of the worker's extra

    try:
        value = json_repair.loads(text)
    except Exception:  # the edge to a library that promises to mend anything; what it cannot is no candidate
        return
    yield value


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth = max(0, depth - 1)
    return deepest


def _find(value: Any, names: frozenset[str], depth: int) -> dict[str, Any] | None:
    """The first storyboard inside a value."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, dict):
        for name in _SCENE_LISTS:
            scenes = _scenes(value.get(name))
            if scenes:
                return {**{k: v for k, v in value.items() if k != name}, "title": _title(value), "scenes": scenes}
        return next((found for inner in value.values() if (found := _find(inner, names, depth + 1))), None)
    if isinstance(value, list):
        scenes = _scenes(value)
        if scenes and any(_looks_like_scene(scene, names) for scene in scenes):
            return {"title": None, "scenes": scenes}
        return next((found for inner in value if (found := _find(inner, names, depth + 1))), None)
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:  # JSON inside a JSON string
        return _find(_strict(value), names, depth + 1)
    return None


def _scenes(value: Any) -> list[Any]:
    """Those entries of a list (or numbered object) that can be scenes; empty when it holds another list of scenes."""
    if isinstance(value, dict) and value and all(isinstance(scene, dict) for scene in value.values()):
        value = list(value.values())
    if not isinstance(value, list):
        return []
    if any(isinstance(entry, dict) and any(entry.get(name) for name in _SCENE_LISTS) for entry in value):
        return []
    return [
        entry for entry in value if (isinstance(entry, str) and entry.strip()) or (isinstance(entry, dict) and entry)
    ]


def _looks_like_scene(value: Any, names: frozenset[str]) -> bool:
    return isinstance(value, dict) and not names.isdisjoint(value)


def _title(value: dict[str, Any]) -> Any:
    return next((value[name] for name in _TITLES if value.get(name)), None)


def _is_example(found: dict[str, Any], fields: Fields) -> bool:
    """The shape from the prompt, said back: placeholders where text should be."""
    placeholders = {wording.placeholder for field in of_kind("text", fields) for wording in (field.zh, field.en)}
    texts = [str(value) for scene in found["scenes"] if isinstance(scene, dict) for value in scene.values()]
    return len(found["scenes"]) == 1 and any(text.strip(" .…。<>[]") in placeholders | {""} for text in texts)
