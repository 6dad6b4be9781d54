"""What is spoken in a shot, and as captions: lines that a player can show, on the board's timeline.

Knows no subtitle format. The limits are Netflix's Timed Text Style Guides' (General Requirements; English, Chinese,
Korean and Japanese), the ones that are published and quoted most: two lines of 42 characters, or of 16 wide ones (13
where there is kana), for at most 7 seconds. A wide character counts two, so lines of Chinese are 32 columns.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from scriptqueue.scene_fields import cast_names
from scriptqueue.schemas import Scene, Storyboard
from scriptqueue.text_layout import wrapped
from shared.board.exports.shots import on_one_line, shots

MAX_LINES = 2
MAX_CAPTION_S = 7.0
MAX_COLUMNS = 42
_NARROWER = (  # the first script that is found decides
    (re.compile(r"[\u3040-\u30ff]"), 26),
    (re.compile(r"[\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]"), 32),
)


@dataclass(frozen=True)
class Speech:
    """One voice's words in a shot. No speaker: the narrator, who is not seen."""

    text: str
    speaker: str = ""


@dataclass(frozen=True)
class Caption:
    """Lines that are shown together, in milliseconds from the board's start."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str = ""


def speeches(scene: Scene, names: Mapping[str, str]) -> list[Speech]:
    """In the order in which they are heard; `names` are the cast's, by id."""
    narration = [Speech(on_one_line(scene.narration))] if scene.narration and scene.narration.strip() else []
    lines = scene.dialogue or ()
    spoken = [Speech(on_one_line(one.line), on_one_line(names.get(one.character, one.character))) for one in lines]
    return [*narration, *(speech for speech in spoken if speech.text)]


def captions(board: Storyboard, *, names_speakers: bool = False) -> Iterator[Caption]:
    """They begin with their shot, follow each other without a pause and share its time by their length.
    `names_speakers`: the text begins with who speaks it, where the format cannot say so."""
    names = cast_names(board)
    for shot in shots(board):
        heard = speeches(shot.scene, names)
        if names_speakers:
            heard = [Speech(f"{speech.speaker}{_colon(speech)}{speech.text}", speech.speaker) for speech in heard]
        parts = [(speech.speaker, lines) for speech in heard for lines in _shown_together(speech.text)]
        total = sum(_columns("".join(lines)) for _, lines in parts)
        start_s = shot.start_s
        for speaker, lines in parts:
            share_s = (shot.end_s - shot.start_s) * _columns("".join(lines)) / total
            end_s = start_s + min(share_s, MAX_CAPTION_S)
            yield Caption(round(start_s * 1000), round(end_s * 1000), lines, speaker)
            start_s = end_s


def _colon(speech: Speech) -> str:
    """Between a speaker and the words, in the manner of these."""
    return (": " if max_columns(speech.text) == MAX_COLUMNS else "：") if speech.speaker else ""


def max_columns(text: str) -> int:
    """Of a line of this text."""
    return next((columns for script, columns in _NARROWER if script.search(text)), MAX_COLUMNS)


def _shown_together(text: str) -> Iterator[tuple[str, ...]]:
    """The text in captions of lines that are about as long as each other."""
    most = max_columns(text)
    lines = wrapped(text, most, _columns)
    if len(lines) > 1:
        mean = math.ceil(_columns(text) / len(lines))
        tries = (wrapped(text, columns, _columns) for columns in range(mean, most))
        lines = next((even for even in tries if len(even) == len(lines)), lines)
    for first in range(0, len(lines), MAX_LINES):
        yield tuple(lines[first : first + MAX_LINES])


def _columns(text: str) -> int:
    """At least 1, for a share of time is to be had by every caption."""
    return sum(map(_column, text)) or 1


@lru_cache(maxsize=4096)
def _column(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
