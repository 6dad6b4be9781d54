"""Subtitles as WebVTT has them (W3C), a writer of our own for the reason of srt.py's."""

from __future__ import annotations

from html import escape

from scriptqueue.schemas import Storyboard
from shared.board.exports.speech import Caption, captions
from shared.board.exports.srt import clock


def vtt_text(board: Storyboard) -> str:
    """The head alone where nothing is spoken."""
    return "WEBVTT\n" + "".join(
        f"\n{clock(caption.start_ms, '.')} --> {clock(caption.end_ms, '.')}\n{_payload(caption)}\n"
        for caption in captions(board)
    )


def _payload(caption: Caption) -> str:
    voice = f"<v {escape(caption.speaker, quote=False)}>" if caption.speaker else ""
    return voice + escape("\n".join(caption.lines), quote=False)
