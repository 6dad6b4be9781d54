"""Text to show, from whatever stands where a text should be. Knows no field and no storyboard.

Entities of HTML are always read: nobody is shown `&quot;`. A backslash is read as a doubled escape only where all
backslashes of the text begin one that JSON knows (`\\n`, `\\"`, `\\u4e2d`) and no path begins: `C:\\new`,
`\\\\host` and `\\d+\\n` stay. Joiners stay where scripts and emoji need them, which is never behind an ASCII
character; the marks of direction stay in texts that run from right to left.
"""

from __future__ import annotations

import html
import json
import math
import re
import unicodedata
from typing import Any

_ENTITY = re.compile(r"&(?:(?:amp|#0*38|#x0*26);)*(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_ESCAPE = re.compile(r"\\{1,8}(?:[nrt\"'/]|u[0-9a-fA-F]{4})")
_PATH = re.compile(r"(?<![A-Za-z])[A-Za-z]:\\|(?:^|\s)\\\\\w")
_BLANKS = re.compile(r"(?:\\{1,8}[nrt])+")
_UNITS = re.compile(r"(?:\\{1,8}u[0-9a-fA-F]{4})+")
_JOINERS = "\u200c\u200d"
_DIRECTIONS = "\u200e\u200f\u061c"
_NOTHING = {"nan", "null", "undefined"}  # what code writes where nothing is
_MAX_PASSES = 8  # an entity in an escape in an entity; each pass makes the text shorter


def clean(value: Any, what: str, repairs: list[str]) -> str:
    """The text with nothing in it that cannot be shown; each change is one of the `repairs` of `what`."""
    if value is None:
        return ""
    if not isinstance(value, str):
        repairs.append(f"{what}: {type(value).__name__} turned to text")
        value = _joined(value)
    kept, was_decoded, was_trimmed = str(value), False, False
    for _ in range(_MAX_PASSES):  # what cannot be shown may stand within an entity or an escape
        before = kept
        decoded = _decoded(before)
        kept = printable(decoded)
        was_decoded, was_trimmed = was_decoded or decoded != before, was_trimmed or kept != decoded
        if kept == before:
            break
    if was_decoded:
        repairs.append(f"{what}: HTML entities or doubled escapes were read as what they mean")
    if was_trimmed:
        repairs.append(f"{what}: blanks around it or characters that cannot be shown were removed")
    if kept.lower() in _NOTHING:
        repairs.append(f"{what}: {kept!r} is no text")
        return ""
    return kept


def quoted(value: Any, characters: int = 20) -> str:
    """The beginning of any value as a repair may show it: one line, and nothing that cannot be shown."""
    return repr(str(value)[:characters])


def folded(text: str) -> str:
    """What texts share that differ in blanks, case and punctuation only."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold()) or text


def _joined(value: Any) -> str:
    """All texts and numbers in a value, in their order."""
    parts: list[str] = []
    rest = [value]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            rest.extend(reversed(part.values()))
        elif isinstance(part, (list, tuple)):
            rest.extend(reversed(part))
        elif isinstance(part, (str, int)) and not isinstance(part, bool):
            parts.append(str(part).strip())
        elif isinstance(part, float) and math.isfinite(part):
            parts.append(str(part))
    parts = [part for part in parts if part]
    return ("，" if any("\u2e80" <= c <= "\u9fff" for part in parts for c in part) else ", ").join(parts)


def _decoded(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(f"&{entity[1]};"), text)
    if "<" in text:
        text = _LINE_BREAK.sub(" ", text)
    if "\\" in text and not _PATH.search(text) and "\\" not in _ESCAPE.sub("", text):
        text = _UNITS.sub(_characters, text)
        text = re.sub(r"\\{1,8}([\"'/])", r"\1", _BLANKS.sub(" ", text))
    return text


def _characters(units: re.Match[str]) -> str:
    """Those that a run of `\\u4e2d`s spells, pairs of surrogates among them."""
    single = re.sub(r"\\+", "/", units[0]).replace("/", "\\")
    return str(json.loads(f'"{single}"'))


def printable(text: str) -> str:
    """The text without blanks around it and without what cannot be shown; empty if nothing is left to see."""
    if text.isascii() and text.isprintable():
        return text.strip()
    from_right = any(unicodedata.bidirectional(c) in {"R", "AL"} for c in text)
    kept: list[str] = []
    for c in text:
        if c.isprintable():
            kept.append(c)
        elif c.isspace():
            kept.append(" ")
        elif c in _JOINERS:
            if kept and not kept[-1].isascii() and kept[-1] not in _JOINERS:
                kept.append(c)
        elif (c in _DIRECTIONS and from_right) or (
            "\U000e0020" <= c <= "\U000e007f" and kept and not kept[-1].isascii()
        ):
            kept.append(c)  # a tag: some flags are spelled with them
    shown = "".join(kept).strip()
    return shown if any(c.isprintable() and not c.isspace() for c in shown) else ""
