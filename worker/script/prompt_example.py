"""The example in a prompt: the shape of the JSON, with placeholders. Knows the fields' table; not what else is said."""

from __future__ import annotations

import json
from typing import Any

from scriptqueue.scene_fields import Fields, SceneField, Spoken
from scriptqueue.schemas import JobRequest
from shared.board.cast import WRITTEN_IDS
from shared.board.targets.seconds import shot_seconds
from shared.board.timing import usual_seconds

_TITLE = {"zh": "标题", "en": "the title"}
_PORTRAIT = {"zh": {"name": "名字", "look": "外貌"}, "en": {"name": "a name", "look": "how they look"}}


def example_of(spoken: Spoken, fields: Fields, request: JobRequest) -> str:
    """The shape of the JSON, with two scenes that differ in all that may: of one alone small models copy what it has
    into every scene."""
    character = request.characters[0].id if request.characters else WRITTEN_IDS[0]
    cast = {"characters": {character: _PORTRAIT[spoken]}} if request.writes_cast else {}
    scenes = [
        {field.name: _example_value(field, spoken, place, seconds, character) for field in fields}
        for place, seconds in enumerate(_example_seconds(request))
    ]
    return json.dumps({"title": _TITLE[spoken], **cast, "scenes": scenes}, ensure_ascii=False, separators=(",", ":"))


def placeholders(spoken: Spoken, fields: Fields, request: JobRequest) -> tuple[tuple[str, str], ...]:
    """The texts of the example, each after the key that it stands under: none of them is a text of a board, unless the
    request says it itself."""
    shown = [("title", _TITLE[spoken]), *(_PORTRAIT[spoken].items() if request.writes_cast else ())]
    for field in fields:
        if field.kind in {"text", "lines"}:
            shown += [("line" if field.is_list else field.name, text) for text in field.placeholders(spoken)]
    own = f"{request.prompt} {request.instructions}".casefold()
    return tuple((key, text) for key, text in shown if text not in own)


def _example_seconds(request: JobRequest) -> tuple[int, ...]:
    """Of each scene of the example: the usual, and what comes nearest to it."""
    usual = usual_seconds(request)
    allowed = shot_seconds(request) or range(request.scene_min_s, request.scene_max_s + 1)
    other = min((s for s in allowed if s != usual), key=lambda s: (abs(s - usual), s), default=usual)
    return (usual, other) if request.max_scenes > 1 else (usual,)


def _example_value(field: SceneField, spoken: Spoken, place: int, seconds: int, character: str) -> Any:
    """Of the scene at a `place`, 0 or 1."""
    match field.kind:
        case "number":
            return place + 1
        case "seconds":
            return seconds
        case "term":
            return field.terms[-place]
        case "ids":
            return [character]
        case "lines":
            return [{"character": character, "line": field.placeholders(spoken)[place]}]
        case "text":
            return field.placeholders(spoken)[place]
