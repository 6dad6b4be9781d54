"""From an entry of the raw list to the fields of a scene; each mend is told. Knows one scene."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField, of_kind, written
from scriptqueue.schemas import JobRequest
from shared.board.cast import Cast
from shared.board.duration import read_duration
from shared.board.entry import Entry, Item
from shared.board.text import clean, folded, quoted
from shared.board.timing import comfortable_s

NOBODY = Cast()
NOTHING: Mapping[str, Any] = {}
_MAX_UNKNOWN = 10  # names of unknown fields in one repair


@dataclass(frozen=True)
class Lengths:
    """What a scene may last, in seconds, and what it lasts where nobody said."""

    shortest_s: int
    longest_s: int
    usual_s: int


def allowed_lengths(request: JobRequest) -> Lengths:
    return Lengths(request.scene_min_s, request.scene_max_s, comfortable_s(request))


class SceneReading:
    """Of one entry. The scene's lists name only who is in the `cast`; values that are `given` stand whatever the entry
    says."""

    def __init__(  # noqa: PLR0913 - what is read, and by which rules
        self,
        entry: Any,
        number: int,
        repairs: list[str],
        may_last: Lengths,
        *,
        fields: Fields = SCENE_FIELDS,
        cast: Cast = NOBODY,
        given: Mapping[str, Any] = NOTHING,
    ) -> None:
        self._cast = cast
        self._number = number
        self._repairs = repairs
        self._may_last = may_last
        self._fields = fields
        self._given = given
        if isinstance(entry, str):
            self._tell("a bare text was taken as its description")
            entry = {"description": entry}
        self._entry = Entry(entry if isinstance(entry, dict) else {}, fields)

    def scene(self, placed_s: float | None = None) -> dict[str, Any] | None:
        """The fields that are written, or None when the entry says nothing of what is seen or done. `placed_s` is the
        scene's length where the list of all scenes tells it; a text or a term that says nothing is absent."""
        values: dict[str, Any] = {field.name: self._text(field) for field in of_kind("text", self._fields)}
        if not values["description"] and not values["action"]:
            self._tell("dropped: neither description nor action")
            return None
        for name, other in (("description", "action"), ("action", "description")):
            if not values[name]:
                self._tell(f"{name} missing, taken from the {other}")
                values[name] = values[other]
        for field in written(self._fields):
            if field.kind == "seconds":
                values[field.name] = self._seconds(field, placed_s)
            elif field.kind == "term":
                values[field.name] = self._term(field)
            elif field.is_list:
                values[field.name] = self._list(field)
        self._tell_rest()
        return {f.name: values[f.name] for f in written(self._fields) if values[f.name] or f.is_list}

    def _text(self, field: SceneField) -> str:
        """The first that says anything; another text of the same field that says something else is told."""
        if field.name in self._given:
            return str(self._kept(field, self._given[field.name]))
        found, text = None, ""
        for item in self._entry.items(field):
            mends: list[str] = []
            other = clean(item.value, f"scene {self._number}: {field.name}", mends)
            if field.is_placeholder(other):
                mends.append(f"scene {self._number}: {field.name}: {quoted(other)} is no text")
                other = ""
            if found is None or not text:
                found, text = item, other
                self._repairs.extend(mends)
            elif other and folded(other) != folded(text):
                self._tell(f"{field.name}: {quoted(item.name)} left out beside {quoted(found.name)}")
        self._tell_name(field, found)
        return text

    def _kept(self, field: SceneField, value: Any) -> Any:
        item = next(self._entry.items(field), None)
        written = item.value if item else ""
        if (value or "") != ((tuple(written) if isinstance(written, list) else written) or ""):
            self._tell(f"{field.name} is the script's and was put back")
        return value

    def _seconds(self, field: SceneField, placed_s: float | None) -> float:
        items = [*self._entry.items(field)]
        readable = ((item, length) for item in items if (length := read_duration(item.value)) is not None)
        item, seconds = next(readable, (None, None))
        if placed_s is not None:
            words = quoted(item.value if item else items[0].value) if items else "missing"
            self._tell(f"{field.name} {words} read as {placed_s:g} s, by its place on a timeline")
            seconds = placed_s
        elif item is None or seconds is None:
            self._tell(f"{field.name} missing, {self._may_last.usual_s} s assumed")
            return self._may_last.usual_s
        elif isinstance(item.value, str):
            self._tell(f"{field.name} {quoted(item.value)} read as {seconds:g} s")
        self._tell_name(field, item)
        clamped = min(max(seconds, self._may_last.shortest_s), self._may_last.longest_s)
        if clamped != seconds:
            self._tell(f"{field.name} {seconds:g} s clamped to {clamped:g} s")
        return clamped

    def _term(self, field: SceneField) -> str:
        items = [*self._entry.items(field)]
        item, term = next(
            ((item, term) for item in items if (term := _term_of(field, item.value)) is not None), (None, None)
        )
        item = item or next(iter(items), None)
        self._tell_name(field, item)
        if term is None:
            words = "missing" if item is None else quoted(item.value, 40)
            if field.default:
                self._tell(f"{field.name} {words}, {field.default!r} assumed")
            elif item is not None:
                self._tell(f"{field.name} {words} is no term of it and was left out")
            return field.default
        if item is not None and item.value != term:
            self._tell(f"{field.name} {quoted(item.value, 40)} read as {term!r}")
        return term

    def _list(self, field: SceneField) -> tuple[Any, ...]:
        """Empty where nothing of it can be read."""
        if field.name in self._given:
            return tuple(self._kept(field, self._given[field.name]))
        item = next(self._entry.items(field), None)
        self._tell_name(field, item)
        what, value = f"scene {self._number}: {field.name}", item.value if item else None
        read: Callable[..., tuple[Any, ...]] = self._cast.seen if field.kind == "ids" else self._cast.lines
        return read(value, what, self._repairs)

    def _tell_name(self, field: SceneField, item: Item | None) -> None:
        if item is not None and item.name != field.name:
            self._tell(f"{field.name} read from {quoted(item.name)}")

    def _tell_rest(self) -> None:
        for field in of_kind("number", self._fields):
            item = next(self._entry.items(field), None)
            if item is not None and item.value != self._number and not isinstance(item.value, (dict, list)):
                self._tell(f"{field.name} {quoted(item.value)} set to its place")
        unknown = sorted(quoted(name)[1:-1] for name in self._entry.unknown())
        if unknown:
            more = f" and {len(unknown) - _MAX_UNKNOWN} more" if len(unknown) > _MAX_UNKNOWN else ""
            self._tell(f"unknown fields dropped: {', '.join(unknown[:_MAX_UNKNOWN])}{more}")

    def _tell(self, what: str) -> None:
        self._repairs.append(f"scene {self._number}: {what}")


def _term_of(field: SceneField, value: Any) -> str | None:
    """The term that a value means, or is but for its case and its separators."""
    if field.read:
        return field.read(value)
    words = " ".join(re.split(r"[\s_-]+", str(value).strip().lower()))
    for spoken in (field.zh.terms, field.en.terms):
        words = dict(zip(spoken, field.terms, strict=False)).get(words, words)
    return words if words in field.terms else None
