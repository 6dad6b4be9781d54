"""Lines of text: where Chinese and Latin text may be broken, and how wide a text is about in a picture.

Knows no font: widths in em are those of common sans-serif fonts, a little generous.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

# Punctuation that must not begin a line stays with the character before it, opening brackets with the one after.
_OPENING = "（《〈「『【〔“‘([{"
_CLOSING = "，。、；：？！）》〉」』】〕”’…—～,.;:?!)]}%"
_LATIN = r"[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef" + re.escape(_OPENING + _CLOSING) + "]"
_PIECE = re.compile(rf"\s+|[{re.escape(_OPENING)}]*(?:{_LATIN}+|\S)?[{re.escape(_CLOSING)}]*(?:{_LATIN}+)?")
_NARROW, _WIDE = frozenset("iljtfrI.,;:'|!()[] -"), frozenset("mwMW@%")


def width_em(text: str) -> float:
    """About how wide the text is, in units of its font's size."""
    return sum(map(_em, text))


def wrapped(text: str, width: float, width_of: Callable[[str], float] = width_em) -> list[str]:
    """The text in lines of at most `width`, em unless measured otherwise; all but blanks at a break is kept."""
    lines, line = [], ""
    for piece in _PIECE.findall(" ".join(text.split())):
        for part in _no_wider(piece, width, width_of):
            if line and width_of(line + part.rstrip()) > width:  # one sum: two round differently
                lines.append(line.rstrip())
                line = ""
            line += part if line else part.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def _no_wider(piece: str, width: float, width_of: Callable[[str], float]) -> list[str]:
    """A piece that is wider than a line is broken anywhere."""
    parts = [""]
    for character in piece:
        if parts[-1] and width_of(parts[-1] + character) > width:
            parts.append("")
        parts[-1] += character
    return [part for part in parts if part]


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WFA":
        return 1.0
    if character in _NARROW:
        return 0.36
    if character in _WIDE:
        return 0.95
    return 0.72 if character.isupper() else 0.6
