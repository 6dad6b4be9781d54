"""The lengths of scenes that are given by their places on a timeline. Reads all scenes together; mends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from scriptqueue.scene_fields import SceneField
from shared.board.duration import is_clock, is_timeline, read_duration, read_range
from shared.board.entry import Entry


def placed_lengths(entries: Sequence[Entry | None], field: SceneField, usual_s: float) -> list[float | None]:
    """Each scene's seconds where its place tells them; None where it has a length of its own or nothing.

    A start and an end in fields of their own, and two times of a clock, are always a place. Ranges (`3-8秒`) are places
    where those of all scenes make a timeline. A scene with its start alone (`0:00`, `0:05`, `0:12`) lasts until the
    next one begins, the last one as long as is usual.
    """
    seconds: list[float | None] = [None] * len(entries)
    open_ranges = {}
    starts: dict[int, float] = {}
    for index, entry in enumerate(entries):
        if entry is None:
            continue
        start, end = (_at(entry, keys) for keys in (field.starts, field.ends))
        value = _value(entry, field)
        between = read_range(value)
        if between and is_clock(value):
            seconds[index] = between[1] - between[0]
        elif between:
            open_ranges[index] = between
        elif value is not None and not is_clock(value):
            continue
        elif value is None and start is not None and end is not None:
            seconds[index] = end - start if end > start else None
        else:
            starts |= {index: at} if (at := start if value is None else read_duration(value)) is not None else {}
    if is_timeline([*open_ranges.values()]):
        seconds = [open_ranges[i][1] - open_ranges[i][0] if i in open_ranges else s for i, s in enumerate(seconds)]
    if len(starts) > 1 and next(iter(starts.values())) == 0 and all(a < b for a, b in pairwise(starts.values())):
        for (index, start), (_, end) in pairwise(starts.items()):
            seconds[index] = end - start
        seconds[max(starts)] = usual_s
    return seconds


def stands_alone(entry: Entry, field: SceneField) -> bool:
    """Whether no other scene can change how long this one is."""
    value = _value(entry, field)
    if value is None:
        return _at(entry, field.starts) is None
    return read_range(value) is None and not is_clock(value)


def _value(entry: Entry, field: SceneField) -> Any:
    """The first that says anything of time."""
    values = (item.value for item in entry.items(field))
    return next((value for value in values if read_range(value) or read_duration(value) is not None), None)


def _at(entry: Entry, keys: tuple[str, ...]) -> float | None:
    item = entry.bound(keys)
    return read_duration(item.value) if item else None
