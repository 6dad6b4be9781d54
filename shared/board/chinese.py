"""Numbers in Chinese characters, below a thousand. Knows nothing of what they count."""

from __future__ import annotations

import re

CHARACTERS = "零〇一二两兩三四五六七八九十百"

_VALUES = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_NUMBER = re.compile(
    r"(?:(?P<hundreds>[一二两兩三四五六七八九])百零?)?(?:(?P<tens>[一二三四五六七八九])?(?P<ten>十))?"
    r"(?P<ones>[零〇一二两兩三四五六七八九])?"
)


def chinese_number(text: str) -> int | None:
    """None for what is none: `二三`, `百`, a text in other characters."""
    found = _NUMBER.fullmatch(text) if text else None
    if not found:
        return None
    tens = _VALUES[found["tens"] or "一"] if found["ten"] else 0
    return _VALUES[found["hundreds"] or "零"] * 100 + tens * 10 + _VALUES[found["ones"] or "零"]
