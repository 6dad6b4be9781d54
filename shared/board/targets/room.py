"""How long a model's texts may be so that each prompt of a scene keeps the upper limits of every target that is named.

The narrowest target bounds. What a prompt has besides the texts, its labels, its terms and the board's style, is
measured in a prompt that is written for it; of what is left each text has a least part, and the rest is shared as
their own limits are to each other.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from scriptqueue.further_fields import fields_named
from scriptqueue.scene_fields import Fields, SceneField, Spoken, of_kind
from scriptqueue.schemas import JobRequest, TargetName
from shared.board.targets.measure import count_words
from shared.board.targets.prompts import placed_prompts
from shared.board.targets.table import TARGETS

_MOVEMENTS = ("static", "zoom out")  # beside a move some have no angle; both ways the longest terms
_HAN = "一二三四五六七八九十百千"  # a text each: a sentence that comes twice is one
MANY = 10**6  # more than any text has
LEAST_WORDS = 15  # of a text, so that a short one is not cut within a word; a style that leaves fewer is refused
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
    """The fields with texts as short as the request's targets need them; `is_spaced`: the language that is written has
    blanks between words."""
    for limit in _limits(request, is_spaced):
        wanted = {field.name: math.ceil(field.max_characters / limit.characters) for field in _placed(fields, limit)}
        least = {name: min(LEAST_WORDS, count) for name, count in wanted.items()}
        room = limit.most - _besides(limit, request, fields) - sum(least.values())
        share = max(0, room) / max(1, sum(wanted.values()) - sum(least.values()))
        if share < 1:
            most = {name: least[name] + int(share * (count - least[name])) for name, count in wanted.items()}
            fields = tuple(_shortened(field, limit.characters * most.get(field.name, MANY)) for field in fields)
    return fields


def _shortened(field: SceneField, characters: int) -> SceneField:
    return replace(field, max_characters=characters) if characters < field.max_characters else field


def too_narrow(request: JobRequest) -> str | None:
    """Why the request's style leaves one of its targets no room, in whatever language; None: it leaves enough."""
    fields = fields_named(request.fields)
    for is_spaced in (True, False):
        for limit in _limits(request, is_spaced):
            if limit.most - _besides(limit, request, fields) < LEAST_WORDS * len(_placed(fields, limit)):
                unit = "words" if limit.measure is count_words else "characters"
                return f"leaves a scene's texts no room in a prompt for {limit.target}: {limit.most} {unit} at most"
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


def _besides(limit: _Limit, request: JobRequest, fields: Fields) -> int:
    """The length of the longest prompt whose texts are one letter each, less these letters."""
    prompts = (
        next(placed_prompts([_scene(fields, limit, movement)], request.style, limit.target)).text
        for movement in _MOVEMENTS
    )
    return max(map(limit.measure, prompts)) - len(_placed(fields, limit))


def _scene(fields: Fields, limit: _Limit, movement: str) -> dict[str, Any]:
    letters = iter(string.ascii_lowercase if limit.is_spaced else _HAN)
    scene: dict[str, Any] = {"duration": 1}
    for field in fields:
        if field.kind == "text":
            scene[field.name] = next(letters)
        elif field.kind == "term":
            scene[field.name] = movement if field.name == "movement" else _longest_term(field, limit)
    return scene


def _longest_term(field: SceneField, limit: _Limit) -> str:
    spoken: Spoken = "en" if limit.is_spaced else "zh"
    return max(field.terms, key=lambda term: (count_words(field.shown(spoken, term)), len(term)))
