"""What of a finished script one shot says: narration, then lines, in the order of the script.

A shot's narration is heard before its lines. So where the narrator goes on after a line another shot begins, and so it
does after as many lines as a scene may have. Knows pieces; not how they are shared out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scriptqueue.schemas import MAX_SPOKEN_LINES, Character, JobRequest
from shared.board.cast import WRITTEN_IDS, Cast, with_names, written_cast
from shared.board.script_pieces import ScriptPiece
from shared.board.script_voices import Speakers, lines_of, speaker_names
from shared.board.speaking import seconds_to_say


@dataclass(frozen=True)
class ScriptLine:
    character: str  # an id
    line: str


@dataclass(frozen=True)
class ScriptShot:
    """`words` of the narrator, empty in a shot in which nothing is told. `lines`: None where nobody is looked for who
    says any."""

    words: str
    duration_s: float = 0
    lines: tuple[ScriptLine, ...] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The fields of the scene that nobody writes."""
        lines = None if self.lines is None else tuple({"character": s.character, "line": s.line} for s in self.lines)
        return {"narration": self.words} | ({} if lines is None else {"dialogue": lines})

    @property
    def spoken(self) -> tuple[str, ...]:
        """All texts that are said in it, in their order."""
        texts = (self.words, *(each.line for each in self.lines or ()))
        return tuple(text for text in texts if text)

    @property
    def seconds(self) -> float:
        """That it takes to be said."""
        return sum(map(seconds_to_say, self.spoken))


def shot_of(pieces: Sequence[ScriptPiece], *, has_lines: bool) -> ScriptShot:
    voices = [*lines_of(pieces)]
    words = [text for speaker, text in voices if not speaker]
    lines = tuple(ScriptLine(speaker, text) for speaker, text in voices if speaker)
    return ScriptShot(" ".join(words), lines=lines if has_lines else None)


def speakers_of(request: JobRequest) -> Speakers | None:
    """Whose lines a script has: of the cast that is given, else of the first of the one that is written. None: nobody's
    are asked for."""
    if request.mode != "break_down" or "dialogue" not in request.fields:
        return None
    if request.characters:
        return tuple((one.id, one.name) for one in request.characters)
    return tuple(zip(WRITTEN_IDS, speaker_names(request.prompt), strict=False))


def cast_of(raw: Mapping[Any, Any], request: JobRequest, repairs: list[str]) -> Cast:
    """The request's, or the one that was written; then whoever speaks in a script is called as the script has it."""
    if not request.writes_cast:
        return Cast(request.characters)
    return with_names(written_cast(raw, repairs), [name for _, name in speakers_of(request) or ()], repairs)


def unwritten_cast(request: JobRequest) -> tuple[Character, ...]:
    """Where nobody wrote one: the request's, else those who speak in a script, whose names stand for their looks."""
    return request.characters or tuple(
        Character(id=one, name=name, look=name) for one, name in speakers_of(request) or ()
    )


def earliest(pieces: Sequence[ScriptPiece]) -> list[int]:
    """Of a shot that ends with each piece, the first piece that it can begin with."""
    found: list[int] = []
    start, begun = 0, list[int]()  # where each line begins, since the narrator spoke
    for end, piece in enumerate(pieces):
        if end and not piece.speaker and pieces[end - 1].speaker:
            start, begun = end, []
        if piece.speaker and piece.begins:
            begun.append(end)
        if len(begun) > MAX_SPOKEN_LINES:
            start = begun[-MAX_SPOKEN_LINES]
        found.append(start)
    return found
