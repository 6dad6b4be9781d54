"""One scene as the compilers are given it: its texts as sentences, its terms in the prompt's words.

Knows no target: which sentences a prompt has, and in which order, is theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.scene_fields import Spoken
from scriptqueue.schemas import Character
from shared.board.targets.table import CAMERA

_FIELDS = {field.name: field for field in ALL_FIELDS}
_ENDS = ".!?。！？…．"
_CLOSING = "\"'”’」』)）"
_LABELS: Mapping[str, tuple[str, str]] = {
    "style": ("Style: {}", "风格：{}"),
    "setting": ("Setting: {}", "地点：{}"),
    "light": ("Lighting: {}", "光线：{}"),
    "sound": ("Sound: {}", "声音：{}"),
    "on_screen_text": ('On the screen stands "{}".', "屏幕上写着“{}”。"),
    "narration": ('A narrator says: "{}"', "旁白说：“{}”"),
}


PEOPLE = ("characters", "dialogue")  # places whose values are lists


@dataclass(frozen=True)
class PlacedLine:
    """What someone says: the speaker's name, and place in the cast from 1."""

    speaker: str
    place: int
    text: str


def people_in(
    scene: Mapping[str, Any], cast: Sequence[Character]
) -> tuple[tuple[Character, ...], tuple[PlacedLine, ...]]:
    """Who is seen or speaks in a scene, by its values, and what is said."""
    places = {character.id: place for place, character in enumerate(cast, 1)}
    lines = [one for one in scene.get("dialogue") or () if one["character"] in places]
    there = {*(scene.get("characters") or ()), *(one["character"] for one in lines)}
    return tuple(one for one in cast if one.id in there), tuple(
        PlacedLine(cast[places[one["character"]] - 1].name, places[one["character"]], one["line"]) for one in lines
    )


@dataclass(frozen=True)
class SceneTexts:
    """`values`: the scene's, by field, and the board's `style`. `spoken`: the language of the words around them. A shot
    is the `number`th of its call, from 1, and starts so many seconds after its beginning."""

    values: Mapping[str, str]
    spoken: Spoken
    number: int = 1
    starts_s: float = 0.0
    people: tuple[Character, ...] = ()  # who is seen or speaks, in the cast's order
    lines: tuple[PlacedLine, ...] = ()

    def sentence(self, place: str) -> str:
        """A text, with what it is where it would not say so itself; empty where the scene has none."""
        if place == "characters":
            return paragraph(self.looks())
        if place == "dialogue":
            return one_after_another(self.label_of(line).replace("{}", line.text) for line in self.lines)
        text = self.values.get(place, "").strip()
        label = _LABELS.get(place, ("{}", "{}"))[self.spoken == "zh"]
        return ended(label.replace("{}", text)) if text else ""

    def looks(self) -> list[str]:
        """Of each of the people, word for word."""
        colon = "：" if self.spoken == "zh" else ": "
        return [ended(f"{one.name}{colon}{one.look}") for one in self.people]

    def label_of(self, line: PlacedLine) -> str:
        """How it is introduced, with `{}` for its text."""
        return f"{line.speaker}说：“{{}}”" if self.spoken == "zh" else f'{line.speaker} says: "{{}}"'

    def terms(self, places: Collection[str]) -> list[str]:
        """The camera's terms among these places, as a list of film terms."""
        found = [self._term(name) for name in CAMERA if name in places and name in self.values]
        if "size" in places and "size" in self.values and found[0] in found[1]:
            return found[1:]  # an extreme wide shot is a wide shot
        return found

    def camera(self, places: Collection[str]) -> str:
        """The terms as a sentence of their own."""
        terms = self.terms(places)
        if not terms:
            return ""
        return f"镜头：{'，'.join(terms)}。" if self.spoken == "zh" else f"Camera: {', '.join(terms)}."

    def _term(self, name: str) -> str:
        value = self.values[name]
        term = _FIELDS[name].shown(self.spoken, value)
        match name, self.spoken:
            case "pace", "zh":
                return f"节奏{term}"
            case "pace", "en":
                return f"{term} pace"
            case "size", "en" if "close" not in value:
                return f"{term} shot"
            case "angle", "en" if " " not in value:
                return f"{term} angle"
            case "movement", "en" if value == "static":
                return "static camera"
        return term


def ended(text: str) -> str:
    """With a stop at its end, in the manner of its last character."""
    if text.rstrip(_CLOSING)[-1:] in _ENDS or text[-1] in '"”':
        return text
    return f"{text}{'.' if text[-1].isascii() else '。'}"


def paragraph(sentences: Iterable[str]) -> str:
    """One line of all that say something, each once."""
    return one_after_another(dict.fromkeys(filter(None, sentences)))


def one_after_another(sentences: Iterable[str]) -> str:
    """One line of them all."""
    line = ""
    for sentence in sentences:
        line += (" " if line and line[-1] not in "。！？”" else "") + sentence
    return line
