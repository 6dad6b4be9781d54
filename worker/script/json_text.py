"""The values that stand in a text, as JSON or nearly so. Knows nothing of what they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from worker.script.lenient import MAX_DEPTH, free_key, read_leniently

_OPENING = re.compile(r"[{\[｛［]")
_FENCE = re.compile(r"\n[ \t]*(?:```|~~~)")
_EFFORT = 2_000_000  # characters that may be read in vain
_FAILURE = 1000  # of them that each try costs besides


@dataclass(frozen=True)
class Found:
    value: Any
    start: int
    end: int
    is_strict: bool
    within: tuple[Any, ...] = ()  # of a value that is not strict, the strict ones that stand in its text


def strict_value(text: str) -> Any:
    """None where a text is no JSON, or deeper than any storyboard."""
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):  # json raises ValueError for integers of 5,000 digits, too
        return None
    return value if _depth(value) <= MAX_DEPTH else None


def strict_values(text: str) -> list[Found]:
    """The outermost values that are JSON as they stand."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    found: list[Found] = []
    at, effort = 0, _EFFORT
    while effort > 0 and (opening := _OPENING.search(text, at)):
        at = opening.start() + 1
        try:
            value, end = decoder.raw_decode(text, opening.start())
        except json.JSONDecodeError as error:
            effort -= error.pos - opening.start() + _FAILURE
            continue
        except (ValueError, RecursionError):
            effort -= len(text) + _FAILURE
            continue
        if _depth(value) <= MAX_DEPTH:
            found.append(Found(value, opening.start(), end, is_strict=True))
        at = end
    return found


def values(text: str) -> Iterator[Found]:
    """All values, one by one in the order of the text: each as JSON if it is, else as it may be meant."""
    strict = {found.start: found for found in strict_values(text)}
    at = 0
    while opening := _OPENING.search(text, at):
        start = opening.start()
        if found := strict.get(start):
            at = found.end
            yield found
            continue
        value, at = read_leniently(text, start)
        if at == len(text) and (fence := _FENCE.search(text, start)):  # cut off within its fence
            value, at = read_leniently(text[: fence.start()], start)
        at = max(at, start + 1)
        within = tuple(inner.value for place, inner in strict.items() if start < place and inner.end <= at)
        yield Found(value, start, at, is_strict=False, within=within)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, inner in pairs:
        value[free_key(value, key, inner)] = inner
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return depth
