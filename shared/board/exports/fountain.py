"""A screenplay in Fountain: a scene a shot, what is seen as action, what is spoken as dialogue, all else as notes.

Every element is forced, so that no text becomes another one by its capitals. Fountain can write an asterisk and an
underscore as themselves, and no other mark: a joiner that nobody sees breaks those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.scene_fields import Spoken, cast_names, portraits, readers_language
from scriptqueue.schemas import Scene, Storyboard
from shared.board.exports.shots import JOINER, on_one_line
from shared.board.exports.speech import speeches

NARRATOR = {"zh": "旁白", "en": "NARRATOR"}
_ELSEWHERE = ("setting", "description", "action", "narration", "dialogue", "transition")
_BROKEN = re.compile(r"(?<=\[)(?=\[)|(?<=\])(?=\])|(?<=/)(?=\*)|(?<=\*)(?=/)|(?<=\\)(?=[*_\\])|(?<=\\)$")
_EMPHASIS = re.compile(r"([*_])")
_ELEMENT = re.compile(r"\W|_|(?:int|ext|est|i/e|fade)\b|.*to:$", re.IGNORECASE)


def fountain_text(board: Storyboard) -> str:
    facts = [on_one_line(fact) for fact in (board.style, board.aspect_ratio, *portraits(board)) if fact]
    head = [f"Title: {_plain(board.title)}", *([f"Notes: {_plain(', '.join(facts))}"] if facts else [])]
    language, names = readers_language(board), cast_names(board)
    blocks = ["\n".join(head), *(block for scene in board.scenes for block in _blocks(scene, language, names))]
    return "\n\n".join(blocks) + "\n"


def _blocks(scene: Scene, language: Spoken, names: Mapping[str, str]) -> Iterator[str]:
    """Paragraphs; a blank line goes between them."""
    place = f" - {_plain(scene.setting)}" if scene.setting else ""
    yield f".SHOT {scene.scene_number}{place} #{scene.scene_number}#"
    yield "\n".join(_notes(scene, language, names))
    yield f"!{_plain(scene.description)}"
    yield f"!{_plain(scene.action)}"
    for speech in speeches(scene, names):
        line = _plain(speech.text)
        speaker = f"{NARRATOR[language]} (V.O.)"
        if speech.speaker:
            speaker = _plain(speech.speaker) + (
                JOINER if speech.speaker.endswith("^") else ""
            )  # else two speak at once
        yield f"@{speaker}\n{JOINER if _ELEMENT.match(line) else ''}{line}"
    if scene.transition:
        yield f"> {scene.transition.upper()} TO:"


def _notes(scene: Scene, language: Spoken, names: Mapping[str, str]) -> Iterator[str]:
    values = scene.model_dump()
    yield f"[[{scene.duration:g} s]]"
    for field in ALL_FIELDS:
        if field.is_words and values.get(field.name) and field.name not in _ELSEWHERE:
            label = field.wording(language).label
            yield f"[[{label}: {_plain(field.shown(language, values[field.name], names))}{JOINER}]]"


def _plain(text: str) -> str:
    return _EMPHASIS.sub(r"\\\1", _BROKEN.sub(JOINER, on_one_line(text)))
