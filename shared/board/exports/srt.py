"""Subtitles as SubRip has them. A writer of our own: it is shorter than what a library asks for to be handed captions.

SubRip has no way to write its own marks (an arrow, a tag, an override) as text: a joiner that nobody sees breaks them.
"""

from __future__ import annotations

import re

from scriptqueue.schemas import Storyboard
from shared.board.exports.shots import JOINER
from shared.board.exports.speech import captions

_MARKS = re.compile(r"(?<=--)(?=>)|(?<=<)(?=[A-Za-z/])|(?<=\{)(?=\\)")


def srt_text(board: Storyboard) -> str:
    """Empty where nothing is spoken."""
    return "".join(
        f"{number}\n{clock(caption.start_ms, ',')} --> {clock(caption.end_ms, ',')}\n{_lines(caption.lines)}\n\n"
        for number, caption in enumerate(captions(board, names_speakers=True), start=1)
    )


def clock(at_ms: int, point: str) -> str:
    """`01:02:03,456`"""
    seconds, ms = divmod(at_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def _lines(lines: tuple[str, ...]) -> str:
    return _MARKS.sub(JOINER, "\n".join(lines))
