"""One scene as the compilers are given it: its texts as sentences, its terms in the prompt's words.

Knows no target: which sentences a prompt has, and in which order, is theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.scene_fields import Spoken
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


@dataclass(frozen=True)
class SceneTexts:
    """`values`: the scene's, by field, and the board's `style`. `spoken`: the language of the words around them. A shot
    is the `number`th of its call, from 1, and starts so many seconds after its beginning."""

    values: Mapping[str, str]
    spoken: Spoken
    number: int = 1
    starts_s: float = 0.0

    def sentence(self, place: str) -> str:
        """A text, with what it is where it would not say so itself; empty where the scene has none."""
        text = self.values.get(place, "").strip()
        label = _LABELS.get(place, ("{}", "{}"))[self.spoken == "zh"]
        return ended(label.replace("{}", text)) if text else ""

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
    line = ""
    for sentence in dict.fromkeys(filter(None, sentences)):
        line += (" " if line and line[-1] not in "。！？”" else "") + sentence
    return line
