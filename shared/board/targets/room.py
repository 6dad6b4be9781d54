"""How long a model's texts may be so that each prompt of a scene keeps the upper limits of every target that is named.

The narrowest target bounds. What a prompt has besides the texts, its labels, its terms and the board's style, is
measured in a prompt that is written for it; of what is left each text has a least part, and the rest is shared as
their own limits are to each other.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from scriptqueue.further_fields import fields_named
from scriptqueue.scene_fields import Fields, SceneField, Spoken, of_kind
from scriptqueue.schemas import MAX_SPOKEN_LINES, Character, JobRequest, TargetName
from shared.board.break_down import given_fields, script_shots
from shared.board.cast import MAX_LOOK_CHARACTERS, MAX_NAME_CHARACTERS, WRITTEN_IDS
from shared.board.script_shot import ScriptShot, speakers_of
from shared.board.speaking import WORD_LETTERS, WORDS_A_SECOND, seconds_to_say
from shared.board.targets.measure import count_words
from shared.board.targets.prompts import placed_prompts
from shared.board.targets.seconds import shot_seconds
from shared.board.targets.table import TARGETS
from shared.board.timing import durations

_MOVEMENTS = ("static", "zoom out")  # beside a move some have no angle; both ways the longest terms
_HAN = "一二三四五六七八九十百千"  # a text each: a sentence that comes twice is one
MANY = 10**6  # more than any text has
LEAST_WORDS = 15  # of a text, so that a short one is not cut within a word; a style that leaves fewer is refused
LEAST_LOOK_WORDS = 8  # of one that a model writes
NAME_WORDS = 4
MAX_LETTERS = 160  # of what is said in a shot, in characters: 20 words of 8
CHARACTERS_A_WORD = 4  # with its blank, of a script that has blanks: prose has longer ones on the whole


@dataclass(frozen=True)
class _Limit:
    """So many words or characters of a prompt."""

    target: TargetName
    most: int
    measure: Callable[[str], int]
    characters: int  # of a text, that count as one
    is_spaced: bool


def bounded(fields: Fields, request: JobRequest, *, is_spaced: bool) -> Fields:
    """The fields with texts as short as the request's targets need them, and what is spoken as long as its longest
    scene could say; `is_spaced`: the language that is written has blanks between words."""
    longest_s = max(durations(request) or shot_seconds(request) or (request.scene_max_s,))
    fields = tuple(_sayable(field, longest_s) if field.spoken else field for field in fields)
    people = len(written_ids(request))
    for limit in _limits(request, is_spaced):
        cast = _cast(request, limit, people, _look_words(limit, request, fields, people))
        placed = _written(fields, limit, request)
        wanted = {field.name: math.ceil(field.max_characters / limit.characters) for field in placed}
        least = {name: min(LEAST_WORDS, count) for name, count in wanted.items()}
        room = limit.most - _besides(limit, request, fields, cast) - sum(least.values())
        share = max(0, room) / max(1, sum(wanted.values()) - sum(least.values()))
        if share < 1:
            most = {name: least[name] + int(share * (count - least[name])) for name, count in wanted.items()}
            fields = tuple(_shortened(field, limit.characters * most.get(field.name, MANY)) for field in fields)
    return fields


def _sayable(field: SceneField, in_s: float) -> SceneField:
    """By its seconds alone: no text that can be said in them is longer, but for its marks."""
    most = math.ceil(in_s * WORDS_A_SECOND * (WORD_LETTERS + 1))
    return replace(field, max_characters=max(field.max_characters, most))


def _shortened(field: SceneField, characters: int) -> SceneField:
    return replace(field, max_characters=characters) if characters < field.max_characters else field


def too_narrow(request: JobRequest) -> str | None:
    """Why the request's style, cast or script leaves one of its targets no room, in whatever language; None: it leaves
    enough."""
    limit = _narrow(request, _least_written(request))
    if limit is None:
        return None
    unit = "words" if limit.measure is count_words else "characters"
    return f"leaves a scene's texts no room in a prompt for {limit.target}: {limit.most} {unit} at most"


def written_ids(request: JobRequest) -> tuple[str, ...]:
    """Of a cast that the model writes: whoever speaks in a script, else as many as the prompts for the request's
    targets have room for. Empty: it writes none."""
    if not request.writes_cast:
        return ()
    if speakers := speakers_of(request):
        return tuple(one for one, _ in speakers)
    return WRITTEN_IDS[: next((most for most in range(len(WRITTEN_IDS), 1, -1) if _narrow(request, most) is None), 1)]


def _least_written(request: JobRequest) -> int:
    """Whoever speaks in a script is of the cast."""
    return max(1, len(speakers_of(request) or ()))


def _narrow(request: JobRequest, people: int) -> _Limit | None:
    """The first limit that leaves texts no room beside the cast, of which so many are written."""
    fields = fields_named(request.fields)
    for limit in (limit for is_spaced in (True, False) for limit in _limits(request, is_spaced)):
        cast = _cast(request, limit, people, LEAST_LOOK_WORDS)
        least = LEAST_WORDS * len(_written(fields, limit, request))
        if limit.most - _besides(limit, request, fields, cast) < least:
            return limit
    return None


def _limits(request: JobRequest, is_spaced: bool) -> Iterator[_Limit]:
    for name in request.targets:
        limits = TARGETS[name].limits
        if limits.most_words:
            yield _Limit(name, limits.most_words, count_words, CHARACTERS_A_WORD if is_spaced else 1, is_spaced)
        if limits.call_characters:
            yield _Limit(name, limits.call_characters, len, 1, is_spaced)


def _placed(fields: Fields, limit: _Limit) -> Fields:
    return tuple(field for field in of_kind("text", fields) if field.name in TARGETS[limit.target].places)


def _written(fields: Fields, limit: _Limit, request: JobRequest) -> Fields:
    return tuple(field for field in _placed(fields, limit) if field.name not in given_fields(request))


def _given(limit: _Limit, request: JobRequest) -> int:
    """The most that a script has in one prompt."""
    places = TARGETS[limit.target].places

    def spoken(shot: ScriptShot) -> list[str]:
        words = [shot.words] if "narration" in places else []
        return [*words, *(each.line for each in shot.lines or () if "dialogue" in places)]

    return max((sum(map(limit.measure, spoken(shot))) for shot in script_shots(request) or ()), default=0)


def written_limits(request: JobRequest, *, is_spaced: bool) -> tuple[int, int]:
    """The most characters of a name and of a look in a cast that the model writes."""
    name, look = MAX_NAME_CHARACTERS, MAX_LOOK_CHARACTERS
    for limit in _limits(request, is_spaced):
        name = min(name, limit.characters * NAME_WORDS)
        words = _look_words(limit, request, fields_named(request.fields), len(written_ids(request)))
        look = min(look, limit.characters * words)
    return name, look


def _look_words(limit: _Limit, request: JobRequest, fields: Fields, people: int) -> int:
    """Of each look that a model writes: together half of what a prompt has left beside the least of all texts."""
    cast = _cast(request, limit, people, 1)
    room = limit.most - _besides(limit, request, fields, cast) - LEAST_WORDS * len(_written(fields, limit, request))
    return max(LEAST_LOOK_WORDS, room // 2 // max(1, people))


def _besides(limit: _Limit, request: JobRequest, fields: Fields, cast: Sequence[Character]) -> int:
    """The length of the longest prompt whose texts are one letter each, less these letters: all of the cast are in it,
    and say as much as a shot has time for, but for the narration. A script's most words are in it as well."""
    placed = {field.name for field in fields} & {*TARGETS[limit.target].places}
    speech = 0
    if cast and "dialogue" in placed - given_fields(request):
        seconds = max(shot_seconds(request) or (request.scene_max_s,))
        speech = int(seconds / seconds_to_say("a" if limit.is_spaced else "字"))
        speech = (speech - LEAST_WORDS * ("narration" in placed)) if limit.measure is count_words else MAX_LETTERS
    prompts = (
        next(placed_prompts([_scene(fields, limit, movement, cast)], request.style, limit.target, cast)).text
        for movement in _MOVEMENTS
    )
    return max(map(limit.measure, prompts)) - len(_placed(fields, limit)) + max(0, speech) + _given(limit, request)


def _cast(request: JobRequest, limit: _Limit, people: int, look_words: int) -> tuple[Character, ...]:
    """That of the request, or as many as a model writes, with looks of so many words and the longest names."""
    if not request.writes_cast:
        return request.characters
    return tuple(
        Character.model_construct(
            id=one, name=_words(letter, NAME_WORDS, limit), look=_words(letter, look_words, limit)
        )
        for one, letter in zip(WRITTEN_IDS[:people], "wxyz" if limit.is_spaced else "甲乙丙丁", strict=False)
    )


def _words(letter: str, count: int, limit: _Limit) -> str:
    return (f"{letter} " if limit.measure is count_words else letter) * count


def _scene(fields: Fields, limit: _Limit, movement: str, cast: Sequence[Character]) -> dict[str, Any]:
    letters = iter(string.ascii_lowercase if limit.is_spaced else _HAN)
    scene: dict[str, Any] = {"duration": 1}
    for field in fields:
        if field.kind == "text":
            scene[field.name] = next(letters)
        elif field.kind == "ids":
            scene[field.name] = [character.id for character in cast]
        elif field.kind == "lines":
            speaker = max(cast, key=lambda character: limit.measure(character.name)).id if cast else ""
            scene[field.name] = [{"character": speaker, "line": ""}] * MAX_SPOKEN_LINES
        elif field.kind == "term":
            scene[field.name] = (
                movement if field.name == "movement" else _longest_term(field, "en" if limit.is_spaced else "zh")
            )
    return scene


@cache
def _longest_term(field: SceneField, spoken: Spoken) -> str:
    return max(field.terms, key=lambda term: (count_words(field.shown(spoken, term)), len(term)))
