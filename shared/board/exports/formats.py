"""The formats that a board can be taken away in, a row each: what a request calls it, how the file is served and named,
and which function writes it. Another format is another row and a file beside this one.

Knows no HTTP: a board comes in, a file's content goes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scriptqueue.schemas import ExportFormat, Storyboard
from shared.board.exports.csv import csv_text
from shared.board.exports.edl import edl_text
from shared.board.exports.fcpxml import fcpxml_text
from shared.board.exports.fountain import fountain_text
from shared.board.exports.json import json_text
from shared.board.exports.md import md_text
from shared.board.exports.otio import otio_text
from shared.board.exports.prompts import prompts_text
from shared.board.exports.srt import srt_text
from shared.board.exports.vtt import vtt_text

IN_FRAMES = ("fps",)


@dataclass(frozen=True)
class Export:
    """`media_type` is no other format's, so that it names this one; `takes`: what `write` wants besides the board."""

    name: ExportFormat
    media_type: str
    write: Callable[..., str]
    takes: tuple[str, ...] = ()
    extension: str = ""  # empty: its name

    @property
    def ending(self) -> str:
        return self.extension or self.name

    def content(self, board: Storyboard, given: Mapping[str, Any]) -> bytes:
        """The file. `given` has a value for all that the format takes."""
        return self.write(board, **{name: given[name] for name in self.takes}).encode()


EXPORTS: Mapping[ExportFormat, Export] = {
    row.name: row
    for row in (
        Export("json", "application/json", json_text),
        Export("csv", "text/csv", csv_text),
        Export("srt", "application/x-subrip", srt_text),
        Export("vtt", "text/vtt", vtt_text),
        Export("otio", "application/x-otio+json", otio_text, IN_FRAMES),
        Export("edl", "application/x-edl", edl_text, IN_FRAMES),
        Export("fcpxml", "application/x-fcpxml+xml", fcpxml_text, IN_FRAMES),
        Export("fountain", "text/x-fountain", fountain_text),
        Export("md", "text/markdown", md_text),
        Export("prompts", "text/plain", prompts_text, ("target",), extension="txt"),
    )
}
