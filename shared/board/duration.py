"""Seconds in the many ways that models write them."""

from __future__ import annotations

import math
import re
from typing import Any

_DIGITS = {"零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_CHINESE = re.compile(r"([一二两三四五六七八九])?(十)?([一二三四五六七八九])?(?=\s*秒)")
_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
_MINUTES = re.compile(r"^\s*\d+(?:\.\d+)?\s*(?:分钟|分|min)")


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
    clock = _CLOCK.findall(text)
    if clock:
        times = [int(h or 0) * 3600 + int(m) * 60 + float(s) for h, m, s in clock[:2]]
        return times[1] - times[0] if len(times) == 2 else times[0]
    numbers = [float(number) for number in _NUMBER.findall(text)]
    if numbers:
        seconds = sum(numbers[:2]) / 2 if len(numbers) > 1 and re.search(r"\d\s*[-~–—到至]\s*\d", text) else numbers[0]
        return seconds * 60 if _MINUTES.match(text) else seconds
    for ones, ten, unit in _CHINESE.findall(text):
        if ones or ten or unit:
            return float(_DIGITS[ones or "一"] * 10 + _DIGITS[unit or "零"] if ten else _DIGITS[ones or unit])
    return None
