"""Whether a board is in the language that was asked for, as far as scripts and small words can tell.

It is told and never mended. Languages of one script are hard to tell apart, so among them only English is noticed: what
small models write in whatever they are asked for. Knows no prompt.
"""

from __future__ import annotations

from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.scene_fields import of_kind
from scriptqueue.schemas import JobRequest, Storyboard
from shared.board.language import is_clearly_english, language_of
from shared.board.language_tags import has_script, is_traditional, language_name, main_language
from shared.board.languages import CHINESE, ENGLISH, KNOWN_LANGUAGES

_SCRIPTS = {row.tag: row.script for row in KNOWN_LANGUAGES}
_CLEARLY = 2  # characters that only the other script has; one may be a name


def strays(board: Storyboard, request: JobRequest) -> list[str]:
    """A line where it is in another language, else none."""
    if request.language == "auto":
        return []
    texts = _texts(board)
    wanted, found = main_language(request.language), language_of(texts)
    name = _other_script(texts, request.language) if wanted == found == CHINESE else None
    if found != wanted:
        usual = None if has_script(request.language) else _SCRIPTS.get(wanted)
        is_clear = is_clearly_english(texts) if found == ENGLISH else usual not in {None, _SCRIPTS[found]}
        name = language_name(found) if is_clear else None
    return [f"written in {name}, not in {language_name(request.language)}"] if name else []


def _texts(board: Storyboard) -> str:
    names = [field.name for field in of_kind("text", ALL_FIELDS)]
    return "\n".join(text for scene in board.scenes for name in names if (text := getattr(scene, name, None)))


def _other_script(texts: str, tag: str) -> str | None:
    """Of Chinese: the one of its two scripts that was not asked for."""
    if is_traditional(tag):
        return "Simplified Chinese" if _strangers(texts, "big5") >= _CLEARLY else None
    return "Traditional Chinese" if "Hans" in tag and _strangers(texts, "gb2312") >= _CLEARLY else None


def _strangers(texts: str, encoding: str) -> int:
    """How many different Chinese characters of the text an encoding of one script has not."""
    han = {character for character in texts if "\u4e00" <= character <= "\u9fff"}
    return sum(character.encode(encoding, "ignore") == b"" for character in han)
