"""A board's shots on its timeline, in seconds and in frames, and what each of them says. Knows no format."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.scene_fields import PLACED, SCENE_FIELDS, Fields, cast_names
from scriptqueue.schemas import Scene, Storyboard

INSTEAD = "\ufffd"  # of what no text file may hold
JOINER = "\u2060"  # invisible, and breaks up what would be a mark of a format that has no other way to write it


@dataclass(frozen=True)
class TimedShot:
    """A scene and where it lies, in seconds from the board's start."""

    scene: Scene
    start_s: float
    end_s: float
    names: Mapping[str, str]  # the cast's, by id

    @property
    def name(self) -> str:
        return f"Shot {self.scene.scene_number}"

    def frames(self, fps: int) -> tuple[int, int]:
        """Its first frame and the one after its last. Both are rounded from the board's start, so that no error adds
        up and the next shot begins where this one ends."""
        return round(self.start_s * fps), round(self.end_s * fps)

    @property
    def details(self) -> list[tuple[str, str]]:
        """What it says besides number and length: the name of each field and its text, on one line."""
        values = self.scene.model_dump()
        there = (field for field in ALL_FIELDS if field.is_words and values.get(field.name))
        return [
            (f.name, on_one_line(f.shown("en", values[f.name], self.names) if f.is_list else values[f.name]))
            for f in there
        ]


def shots(board: Storyboard) -> Iterator[TimedShot]:
    start_s, names = 0.0, cast_names(board)
    for scene in board.scenes:
        yield TimedShot(scene, start_s, start_s + scene.duration, names)
        start_s += scene.duration


def fields_of(board: Storyboard) -> Fields:
    """Those of every scene, and the further ones that any scene of this board has."""
    there = {name for scene in board.scenes for name in scene.model_dump()}
    return (*SCENE_FIELDS, *(field for field in ALL_FIELDS if field.name not in PLACED and field.name in there))


def on_one_line(text: str) -> str:
    """The text without line breaks and tabs; a character that no text file may hold is shown as a replacement."""
    return " ".join("".join(c if c.isspace() or shows(c) else INSTEAD for c in text).split())


def shows(character: str) -> bool:
    """Whether XML, and with it every other format here, may hold the character."""
    return unicodedata.category(character) not in {"Cc", "Cs"} and character not in "\ufffe\uffff"
