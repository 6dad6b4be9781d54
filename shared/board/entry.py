"""One entry of a raw list of scenes, its keys in one spelling. Knows which key may hold which field; mends nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField, names, of_kind, spelled
from shared.board.chinese import chinese_number
from shared.board.scenes import COMPUTED


class Item(NamedTuple):
    name: Any  # the key as it was written
    value: Any


class Entry:
    def __init__(self, raw: dict[Any, Any], fields: Fields = SCENE_FIELDS) -> None:
        self._fields = fields
        self._items: dict[str, list[Item]] = {}
        for name, value in _lifted(raw, fields):
            self._items.setdefault(spelled(name), []).append(Item(name, value))

    def items(self, field: SceneField) -> Iterator[Item]:
        """What may be the field's value, the likeliest key first; a number of the scene is no text of it."""
        numbers = _keys(of_kind("number", self._fields)) if field.kind == "text" else frozenset[str]()
        for key in _spellings(self._fields)[field.name]:
            for item in self._items.get(key, ()):
                if item.value is not None and not (key in numbers and read_number(item.value) is not None):
                    yield item

    def number(self) -> int | None:
        """The scene's number as its writer counts."""
        numbers = (item for field in of_kind("number", self._fields) for item in self.items(field))
        return next((number for item in numbers if (number := read_number(item.value)) is not None), None)

    def bound(self, keys: tuple[str, ...]) -> Item | None:
        """The first value under one of these keys: where a length begins, or ends."""
        return next(
            (item for key in keys for item in self._items.get(spelled(key), ()) if item.value is not None), None
        )

    def unknown(self) -> list[Any]:
        """The keys that are no field's."""
        known = _keys(self._fields) | {spelled(name) for name in COMPUTED}
        return [item.name for key, items in self._items.items() if key not in known for item in items]


def read_number(value: Any) -> int | None:
    """A scene's number: `3`, `"3"`, `Scene 3`, `第三镜`, `S03`; a text that only holds a number is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return int(value) if abs(value) < 1e6 and value == int(value) else None
    if not isinstance(value, str):
        return None
    bare = re.fullmatch(
        r"[^\W\d]{0,12}?(\d{1,4}|[一二三四五六七八九十]{1,3})[^\W\d]{0,3}", re.sub(r"[\s_#.:：-]+", "", value[:40])
    )
    if not bare:
        return None
    return int(bare[1]) if bare[1].isdigit() else chinese_number(bare[1])


def _lifted(raw: dict[Any, Any], fields: Fields) -> Iterator[tuple[Any, Any]]:
    """The keys and values; what an inner object holds of a field that is not outside comes out. The parts of a text
    stay together, unless their key is a number's as well and only wraps the scene."""
    numbers = {field.name for field in of_kind("number", fields)}
    lists = {field.name for field in fields if field.is_list}
    outside = {
        field for name, value in raw.items() if not isinstance(value, dict) for field in _fields_of(name, fields)
    }
    for name, value in raw.items():
        own = _fields_of(name, fields)
        if isinstance(value, dict) and not own & lists:
            here = outside if own & numbers else outside | own
            within = {
                key: part for key, part in value.items() if (owners := _fields_of(key, fields)) and not owners & here
            }
            yield from within.items()
            rest = {key: part for key, part in value.items() if key not in within}
            if rest or not within:
                yield name, rest
        else:
            yield name, value


def _fields_of(name: Any, fields: Fields) -> frozenset[str]:
    return _owners(fields).get(spelled(name), frozenset())


@cache
def _spellings(fields: Fields) -> dict[str, tuple[str, ...]]:
    return {field: tuple(dict.fromkeys(spelled(name) for name in called)) for field, called in names(fields).items()}


@cache
def _owners(fields: Fields) -> dict[str, frozenset[str]]:
    pairs = [(key, field) for field, keys in _spellings(fields).items() for key in keys]
    pairs += [
        (spelled(key), f"{f.name} {i}") for f in fields for i, keys in enumerate((f.starts, f.ends)) for key in keys
    ]
    return {key: frozenset(owner for other, owner in pairs if other == key) for key, _ in pairs}


@cache
def _keys(fields: Fields) -> frozenset[str]:
    return frozenset(
        key
        for field in fields
        for key in (*_spellings(fields)[field.name], *map(spelled, (*field.starts, *field.ends)))
    )
