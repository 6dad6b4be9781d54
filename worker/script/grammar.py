"""The JSON schema that decoding is constrained to, and its layout as the engine counts it.

Left out is what code computes (total_duration, video_prompt); constant is what is known (each scene's number).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scriptqueue.scene_fields import MAX_TITLE_CHARACTERS, SCENE_FIELDS, Fields, SceneField, of_kind, written
from scriptqueue.schemas import JobRequest, Scene
from shared.board.language import written_language
from shared.board.language_tags import is_spaced
from shared.board.targets.room import bounded
from shared.board.targets.seconds import shot_seconds
from shared.board.timing import durations
from worker.engine.layout import NO_CHARACTERS, NO_FIRST_CHARACTERS, Layout

TOKENS_A_NUMBER = 2  # sampled ones, at worst; so is the end of a scene
SCENE_END_TOKENS = 2

_FIRST = f"[^{NO_FIRST_CHARACTERS}]"
_ANY = f"[^{NO_CHARACTERS}]"


def storyboard_schema(
    request: JobRequest, given: Sequence[Scene] = (), fields: Fields = SCENE_FIELDS
) -> dict[str, Any]:
    """What the model may write for this request; the scenes that are `given` it must repeat, at no cost."""
    if request.targets:
        fields = bounded(fields, request, is_spaced=is_spaced(written_language(request)))
    fixed = durations(request)
    count = (len(fixed), len(fixed)) if fixed else (request.min_scenes, request.max_scenes)
    allowed = shot_seconds(request) or range(request.scene_min_s, request.scene_max_s + 1)
    scenes = [_constant(scene, fields) for scene in given]
    scenes += [_scene(n, fixed[n - 1 : n] if fixed else allowed, fields) for n in range(len(given) + 1, count[1] + 1)]
    return _object(
        {
            "title": _text(MAX_TITLE_CHARACTERS),
            "scenes": {
                "type": "array",
                "prefixItems": scenes,
                "items": False,
                "minItems": count[0],
                "maxItems": count[1],
            },
        }
    )


def layout(fields: Fields = SCENE_FIELDS) -> Layout:
    """The schema's scenes as the engine counts them."""
    strings = tuple(field.kind == "text" for field in written(fields) if field.kind in {"text", "term"})
    longest = (max(len(term.split()) for term in field.terms) for field in of_kind("term", fields))
    choices = sum(words + 1 for words in longest)  # a token a word at most, and one for the closing quote
    numbers = TOKENS_A_NUMBER * len(of_kind("seconds", fields))
    return Layout(strings, fixed_tokens=choices + numbers + SCENE_END_TOKENS)


def _scene(number: int, seconds: Sequence[float], fields: Fields) -> dict[str, Any]:
    return _object({field.name: _value(field, number, seconds) for field in fields})


def _value(field: SceneField, number: int, seconds: Sequence[float]) -> dict[str, Any]:
    match field.kind:
        case "number":
            return {"const": number}
        case "text":
            return _text(field.max_characters, may_be_empty=field.may_be_empty)
        case "term":
            return {"enum": list(field.terms)}
        case "seconds" if isinstance(seconds, range):
            return {"type": "integer", "minimum": seconds[0], "maximum": seconds[-1]}
        case "seconds":
            return {"const": seconds[0]} if len(seconds) == 1 else {"enum": list(seconds)}


def _constant(scene: Scene, fields: Fields) -> dict[str, Any]:
    values = scene.model_dump()
    return _object({field.name: {"const": values[field.name]} for field in fields if field.name in values})


def _text(max_characters: int, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Its `a` says nothing new: llguidance tries its slices only where a choice or a repeat begins, and would look at
    the whole vocabulary for the first character."""
    more = f"{_ANY}{{0,{max_characters - 1}}}"
    return {"type": "string", "pattern": f"^(a{more}|{_FIRST}{more}){'?' if may_be_empty else ''}$"}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
