"""The scenes that are complete in a text that is still being written, or was broken off.

They are published at once and never change, so only what the whole text cannot contradict counts: the first entry that
leaves a doubt ends the list, and the rest waits for the end of the text. A text that does not begin with the list, but
with a draft, a word or a part, is in doubt from its first scene; so is a scene that others may move, or whose length
may be a place on a timeline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, of_kind
from scriptqueue.schemas import JobRequest, Scene
from shared.board.break_down import script_shots
from shared.board.cast import Cast
from shared.board.entry import Entry
from shared.board.kept import kept_board
from shared.board.reading import NOTHING, SceneReading, allowed_lengths
from shared.board.refusal import is_refusal
from shared.board.scenes import numbered
from shared.board.targets.seconds import shot_seconds
from shared.board.timeline import stands_alone
from shared.board.timing import durations
from shared.board.voices import fit_speech

LIST_OPENING = re.compile(r'\s*\{\s*(?:"title"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*)?"scenes"\s*:\s*\[')
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)|[\[\]{}]', re.DOTALL)  # of JSON: strings, and what opens and closes
_BETWEEN = re.compile(r"[\s,]*")


def complete_scenes(text: str, request: JobRequest, fields: Fields = SCENE_FIELDS) -> tuple[Scene, ...]:
    """As `validate` would read them."""
    opening = LIST_OPENING.match(text)
    if not opening or request.writes_cast:  # whoever would go on with these scenes could not know their cast
        return ()
    fixed, cast, base = durations(request), Cast(request.characters), kept_board(request)
    kept = base.kept if base else {}
    most = base.until if base else len(fixed) if fixed else request.max_scenes
    given: list[Mapping[str, Any]] = [shot.given for shot in script_shots(request) or ()] or [NOTHING] * most
    may_last = allowed_lengths(request)
    scenes: list[dict[str, Any]] = []
    at, decoder = opening.end(), json.JSONDecoder()
    while len(scenes) < most:
        between = _BETWEEN.match(text, at)
        assert between is not None  # it matches nothing, too
        try:
            entry, at = decoder.raw_decode(text, between.end())
        except ValueError:
            break
        number = len(scenes) + 1
        if number - 1 in kept:
            scenes.append(kept[number - 1])
            continue
        certain = isinstance(entry, dict) and _stands_alone(entry, number, fields)
        reading = SceneReading(entry, number, [], may_last, fields=fields, cast=cast, given=given[number - 1])
        scene = reading.scene() if certain else None
        allowed = fixed[number - 1 : number] if fixed else shot_seconds(request)
        if scene is None or is_refusal(scene["description"]) or (allowed and scene["duration"] not in allowed):
            break  # dropped, or given another duration at the end
        fit_speech(scene, number, [], fields)
        scenes.append(scene)
    if base and len(scenes) == most:
        scenes = base.around(scenes)
    return numbered(scenes, request, fields, cast.members)


def cut_after_scenes(text: str) -> tuple[str, int]:
    """A text of a grammar that ends before its own end, closed after the last scene that is whole, and how many there
    are; without one the text is empty."""
    opened: list[str] = []
    end = scenes = 0
    for mark in _MARKS.finditer(text):
        if mark[0] in {"{", "["}:
            opened.append(mark[0])
        elif mark[0] in {"}", "]"}:
            opened = opened[:-1]
            if opened == ["{", "["]:
                end, scenes = mark.end(), scenes + 1
    return (f"{text[:end]}]}}" if scenes else ""), scenes


def _stands_alone(entry: dict[str, Any], number: int, fields: Fields) -> bool:
    """Whether the scenes after it can change neither its place nor its length, and it holds no list of scenes."""
    known = Entry(entry, fields)
    lists = {field.name for field in fields if field.is_list}
    flat = not any(isinstance(value, (dict, list)) for name, value in entry.items() if name not in lists)
    alone = all(stands_alone(known, field) for field in of_kind("seconds", fields))
    return flat and alone and known.number() in {None, number}
