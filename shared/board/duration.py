"""Seconds in the many ways that models write them: as a length, or as a place on a timeline."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from shared.board.chinese import CHARACTERS, chinese_number

Span = tuple[float, float]  # of a timeline: its start and its end

_CHINESE = re.compile(rf"[{CHARACTERS}]{{1,6}}(?=\s*秒)")
_CLOCK = re.compile(r"(?:(\d{1,2})[:：])?(\d{1,2})[:：](\d{1,2}(?:[.,]\d+)?)")
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
_UNIT = r"(?:seconds?|secs?|s|秒钟?|″|\")?"
_RANGE = re.compile(
    rf"({_NUMBER.pattern})\s*{_UNIT}\s*(?:[-~–—−－～〜→至到]|-+>|\bto\b)\s*({_NUMBER.pattern})", re.IGNORECASE
)
_MINUTES = re.compile(r"^\s*(\d{1,6}(?:\.\d+)?)\s*(?:分钟|分|min(?:ute)?s?|m)(?![a-z])\s*(\d{1,2})?", re.IGNORECASE)
_MILLISECONDS = re.compile(r"^\s*(\d{1,9})\s*(?:ms|毫秒|milliseconds?)\b", re.IGNORECASE)
_GAP_S = 1  # `0-3, 4-8` counts whole seconds


def read_duration(value: Any) -> float | None:
    """Seconds, or None when the value says nothing of time. A range (`5-6`) means its middle."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        try:
            seconds = float(value)
        except OverflowError:
            return None
        return seconds if math.isfinite(seconds) else None
    if not isinstance(value, str):
        return None
    text = value[:200]
    if clock := _clocks(text):
        return clock[1] - clock[0] if len(clock) == 2 else clock[0]
    if between := _RANGE.search(text):
        return (float(between[1]) + float(between[2])) / 2
    if minutes := _MINUTES.match(text):
        return float(minutes[1]) * 60 + float(minutes[2] or 0)
    if milliseconds := _MILLISECONDS.match(text):
        return int(milliseconds[1]) / 1000
    if number := _NUMBER.search(text):
        return float(number[0])
    for written in _CHINESE.findall(text):
        seconds_in_words = chinese_number(written) or chinese_number(written[0])  # `两三秒`: at least two
        if seconds_in_words is not None:
            return float(seconds_in_words)
    return None


def read_range(value: Any) -> Span | None:
    """The two times that a value names, the earlier one first: `3-8秒`, `0:03 --> 0:08`, `[3, 8]`."""
    ends: list[float | None] = []
    if isinstance(value, (list, tuple)):
        ends = [read_duration(end) for end in value[:3]]
    elif isinstance(value, str):
        between = _RANGE.search(value[:200])
        ends = [*_clocks(value[:200])] or ([float(end) for end in between.groups()] if between else [])
    match ends:
        case [float(start), float(end)] if start < end:
            return start, end
    return None


def is_clock(value: Any) -> bool:
    """Whether it is written as a time of a timeline, `0:03`, and can be no estimate."""
    return isinstance(value, str) and bool(_CLOCK.search(value[:200]))


def is_timeline(ranges: Sequence[Span]) -> bool:
    """Whether ranges are places on a timeline and not estimates of lengths.

    They are when each begins where the one before it ends (or at 0 again, in another part), and the first at 0; an
    estimate never begins at 0, and those of several scenes do not follow each other. Where the first begins later
    (`3-5, 5-8, 8-12`), it takes three that join exactly: two may be estimates.
    """
    if not ranges:
        return False
    from_zero = ranges[0][0] == 0
    gap_s = _GAP_S if from_zero else 0
    follow = all(
        later[0] == 0 or (later[0] > earlier[0] and abs(later[0] - earlier[1]) <= gap_s)
        for earlier, later in pairwise(ranges)
    )
    return follow and (from_zero or len(ranges) > 2)


def _clocks(text: str) -> list[float]:
    return [int(h or 0) * 3600 + int(m) * 60 + float(s.replace(",", ".")) for h, m, s in _CLOCK.findall(text)[:2]]
