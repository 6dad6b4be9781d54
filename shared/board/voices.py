"""What is spoken in a scene, and how a text is shortened that takes longer to be said than the scene lasts.

Grammars bound it while it is written (worker/engine/speech.py); here is what no grammar bounded. Knows no request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, of_kind
from shared.board.speaking import fits_in, fitting_characters, seconds_to_say
from shared.board.text import quoted

_SHOWN_CHARACTERS = 80  # of what a repair says was left out
# Ends of sentences, then of clauses, then of words: the first kind that leaves anything is where a text is cut. Scripts
# without blanks end a word at each character.
_ENDS = (
    re.compile(r"[。！？!?…]+[\"'”’」』)）]*|\.+[\"'”’)]*(?=\s|$)"),
    re.compile(r"[，、；：,;:]|\s[–—-]\s|——"),
    re.compile(r"\s|(?<=[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"),
)


def spoken_in(scene: Mapping[str, Any], fields: Fields = SCENE_FIELDS) -> str:
    """All that is said in a scene, by its values."""
    values = ((field, scene[field.name]) for field in fields if field.spoken and field.name in scene)
    return "\n".join(
        text for field, value in values for text in ([one["line"] for one in value] if field.is_list else [value])
    )


def is_sayable(scene: Mapping[str, Any], fields: Fields = SCENE_FIELDS) -> bool:
    """Whether all of it can be said while the scene lasts."""
    return all(fits_in(spoken_in(scene, fields), scene[field.name]) for field in of_kind("seconds", fields))


def fit_speech(scene: dict[str, Any], number: int, repairs: list[str], fields: Fields = SCENE_FIELDS) -> None:
    """Shorten, in place, what the scene has no time to say; what was left out is one of the `repairs`. Lines are never
    cut: the last ones are left out as a whole. They come first, and the narration has the time that they leave."""
    if is_sayable(scene, fields):
        return
    in_s = float(scene[of_kind("seconds", fields)[0].name])
    left_s = in_s
    for field in sorted(
        (field for field in fields if field.spoken and field.name in scene), key=lambda f: not f.is_list
    ):
        value = scene[field.name]
        kept: Any = _first_lines(value, left_s) if field.is_list else shortened(value, left_s)
        if kept != value:
            rest = " / ".join(one["line"] for one in value[len(kept) :]) if field.is_list else value[len(kept) :]
            left_out = quoted(rest.strip(), _SHOWN_CHARACTERS)
            repairs.append(f"scene {number}: {field.name} shortened to what {in_s:g} s can say, without {left_out}")
            scene[field.name] = kept
        left_s -= seconds_to_say(spoken_in({field.name: kept}, (field,)))
        if not (kept or field.is_list):
            del scene[field.name]


def _first_lines(lines: tuple[dict[str, str], ...], in_s: float) -> tuple[dict[str, str], ...]:
    while not fits_in("\n".join(one["line"] for one in lines), in_s):
        lines = lines[:-1]
    return lines


def shortened(text: str, in_s: float) -> str:
    """The longest beginning that fits, up to the end of a sentence, else of a clause, else of a word."""
    if fits_in(text, in_s):
        return text
    most = fitting_characters(text, in_s)
    for ends in _ENDS:
        places = [end.end() for end in ends.finditer(text, 0, most + 1) if end.end() <= most]
        if places and (kept := text[: places[-1]].strip(" ,;:，、；：–—-")):
            return kept
    return ""
