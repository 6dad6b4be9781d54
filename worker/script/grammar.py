"""The JSON schema that decoding is constrained to, and its layout as the engine counts it.

Left out is what code computes (total_duration, video_prompt); constant is what is known (each scene's number).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from scriptqueue.scene_fields import MAX_TITLE_CHARACTERS, SCENE_FIELDS, Fields, SceneField, of_kind, written
from scriptqueue.schemas import (
    MAX_SPOKEN_LINES,
    MIN_TOKENS_A_CAST,
    MIN_TOKENS_A_LINE,
    Character,
    JobRequest,
    Scene,
)
from shared.board.break_down import given_fields, script_shots
from shared.board.kept import kept_board
from shared.board.language import written_language
from shared.board.language_tags import is_spaced, words_in
from shared.board.likeness import SEEN, is_near
from shared.board.scenes import values_of
from shared.board.script_shot import speakers_of
from shared.board.speaking import speech_after
from shared.board.targets.room import bounded, written_ids, written_limits
from shared.board.targets.seconds import shot_seconds
from shared.board.timing import durations
from worker.engine.layout import (
    NO_CHARACTERS,
    NO_FIRST_CHARACTERS,
    SPARE_TOKENS,
    Layout,
    Outline,
    SeenLayout,
    SpeechLayout,
)
from worker.script.prompt_example import placeholders

_NOTHING: Mapping[str, Any] = {}
TEXT_SHARE = 0.5  # of a shot's seconds, for a text that is spoken before the lines of a dialogue
TOKENS_A_LIST = 2  # of an empty one
TOKENS_A_NUMBER = 2  # sampled ones, at worst; so is the end of a scene
SCENE_END_TOKENS = 2
VARIED = ("camera", "duration")
MAX_LINE_CHARACTERS = 100  # of an outline, for each scene

_FIRST = f"[^{NO_FIRST_CHARACTERS}]"
_ANY = f"[^{NO_CHARACTERS}]"


def storyboard_schema(
    request: JobRequest,
    given: Sequence[Scene] = (),
    fields: Fields = SCENE_FIELDS,
    part: range | None = None,
    cast: Sequence[Character] = (),
) -> dict[str, Any]:
    """What the model may write for this request, or for a part of its scenes. The scenes that are `given`, from the
    board's first one on, it must repeat, at no cost; so must it those that stay of the board that it starts from, and
    what comes after the last one that it writes is no part of the text. A `cast` that is written already it must not
    write."""
    fields = bounded(fields, request, is_spaced=is_spaced(written_language(request)))
    fixed, base, count = durations(request), kept_board(request), _counts(request)
    kept = base.kept if base else {}
    shots = script_shots(request)
    allowed = shot_seconds(request) or range(request.scene_min_s, request.scene_max_s + 1)
    if base:
        given, count = given[: base.until], (base.until, base.until)
    scenes = [_constant(n, values, fields) for n, values in enumerate(values_of(given, fields), 1)]
    ids = [character.id for character in cast or request.characters] or [*written_ids(request)]
    scenes += [
        _constant(n, kept[n - 1], fields)
        if n - 1 in kept
        else _scene(n, fixed[n - 1 : n] if fixed else allowed, fields, ids, shots[n - 1].given if shots else _NOTHING)
        for n in range(len(given) + 1, count[1] + 1)
    ]
    if part is not None:
        scenes, count = scenes[part.start : part.stop], _counts(request, part)
    return _object(
        {
            "title": {"const": base.title} if base else _text(MAX_TITLE_CHARACTERS),
            **({"characters": _cast(request)} if request.writes_cast and not cast else {}),
            "scenes": {
                "type": "array",
                "prefixItems": scenes,
                "items": False,
                "minItems": count[0],
                "maxItems": count[1],
            },
        }
    )


def outline_of(request: JobRequest, part: range | None = None, end: Sequence[int] = ()) -> Outline | None:
    """What comes before the scenes of a text, where the request wants it: a line for each."""
    least, most = _counts(request, part)
    return Outline(least, most, MAX_LINE_CHARACTERS, tuple(end)) if request.outline else None


def layout(
    fields: Fields = SCENE_FIELDS,
    given: Collection[str] = (),
    *,
    writes_cast: bool = False,
    has_outline: bool = False,
    distinct: bool = False,
) -> Layout:
    """The schema's scenes as the engine counts them; the texts that are `given` cost nothing, and last as long as they
    do. `writes_cast`: a cast of one stands before the scenes at least; `has_outline`: a line for each scene does.
    `distinct`: no scene is to repeat another."""
    strings = tuple(
        field.kind == "text" and field.name not in given for field in written(fields) if field.kind in {"text", "term"}
    )
    longest = (max(len(term.split()) for term in field.terms) for field in of_kind("term", fields))
    choices = sum(words + 1 for words in longest)  # a token a word at most, and one for the closing quote
    numbers = TOKENS_A_NUMBER * len(of_kind("seconds", fields))
    lists = TOKENS_A_LIST * sum(field.is_list for field in fields if field.name not in given)
    return Layout(
        strings,
        fixed_tokens=choices + numbers + lists + SCENE_END_TOKENS,
        strings_before=3 if writes_cast else 1,
        speech=_speech(fields, given),
        spare_tokens=SPARE_TOKENS + MIN_TOKENS_A_CAST * writes_cast + MIN_TOKENS_A_LINE * has_outline,
        seen=SeenLayout(SEEN, is_near, VARIED) if distinct else None,
    )


def layout_of(request: JobRequest, fields: Fields, *, has_cast: bool = False) -> Layout:
    """The layout of what a request asks for; `has_cast`: an earlier part wrote it."""
    shape = layout(
        fields,
        given_fields(request),
        writes_cast=request.writes_cast and not has_cast,
        has_outline=request.outline,
        distinct=request.distinct,
    )
    return replace(shape, refused=placeholders(words_in(written_language(request)), fields, request))


def _counts(request: JobRequest, part: range | None = None) -> tuple[int, int]:
    """The fewest and the most scenes of a text."""
    fixed = part or durations(request)
    return (len(fixed), len(fixed)) if fixed else (request.min_scenes, request.max_scenes)


def _speech(fields: Fields, given: Collection[str]) -> SpeechLayout | None:
    """What is spoken in a scene, and for how long it may be; None: nothing is, besides what is given."""
    spoken = [field for field in fields if field.spoken and field.name not in given]
    lists = frozenset(field.name for field in spoken if field.is_list)
    texts = [(field.name, TEXT_SHARE if lists else 1.0) for field in spoken if not field.is_list]
    keys = (*texts, ("line", 1.0)) if lists else tuple(texts)
    return SpeechLayout(keys, lists, of_kind("seconds", fields)[0].name, speech_after) if spoken else None


def _cast(request: JobRequest) -> dict[str, Any]:
    """By ids that the scenes can name before anyone has one. Whoever speaks in a script must be there by name; of
    another cast the first must."""
    ids, speakers = written_ids(request), dict(speakers_of(request) or ())
    name, look = written_limits(request, is_spaced=is_spaced(written_language(request)))
    names = {one: {"const": speakers[one]} if one in speakers else _text(name) for one in ids}
    portraits = {one: _object({"name": names[one], "look": _text(look)}) for one in ids}
    return {**_object(portraits), "required": [*speakers] or [*ids[:1]]}


def _scene(
    number: int, seconds: Sequence[float], fields: Fields, ids: list[str], given: Mapping[str, Any]
) -> dict[str, Any]:
    return _object(
        {
            field.name: {"const": given[field.name]} if field.name in given else _value(field, number, seconds, ids)
            for field in fields
        }
    )


def _value(field: SceneField, number: int, seconds: Sequence[float], ids: list[str]) -> dict[str, Any]:
    match field.kind:
        case "number":
            return {"const": number}
        case "ids":
            return {"type": "array", "items": {"enum": ids}, "maxItems": len(ids)}
        case "lines":
            line = _object({"character": {"enum": ids}, "line": _text(field.max_characters)})
            return {"type": "array", "items": line, "maxItems": MAX_SPOKEN_LINES}
        case "text":
            return _text(field.max_characters, may_be_empty=field.may_be_empty)
        case "term":
            return {"enum": list(field.terms)}
        case "seconds" if isinstance(seconds, range):
            return {"type": "integer", "minimum": seconds[0], "maximum": seconds[-1]}
        case "seconds":
            return {"const": seconds[0]} if len(seconds) == 1 else {"enum": list(seconds)}


def _constant(number: int, values: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    known: dict[str, Any] = {**{field.name: number for field in of_kind("number", fields)}, **values}
    return _object({field.name: {"const": known[field.name]} for field in fields if field.name in known})


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
