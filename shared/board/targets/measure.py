"""How long a prompt is, in words, and whether a text is Chinese. Knows no target and no scene."""

from __future__ import annotations

import re

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_OTHERS = "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
_UNSPACED = f"{_HAN}{_KANA}{_OTHERS}"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+(?:['’](?:(?![{_UNSPACED}])[^\W_])+)*")
_HAN_LETTER, _KANA_LETTER = re.compile(f"[{_HAN}]"), re.compile(f"[{_KANA}]")
_SCRIPTS = (
    ("Japanese", _KANA_LETTER),
    ("Chinese", _HAN_LETTER),
    ("Korean", re.compile("[\uac00-\ud7af]")),
    ("Russian", re.compile("[\u0400-\u04ff]")),
    ("Arabic", re.compile("[\u0600-\u06ff]")),
    ("Hindi", re.compile("[\u0900-\u097f]")),
    ("Thai", re.compile("[\u0e00-\u0e7f]")),
)


def count_words(text: str) -> int:
    """Each run of letters and digits; of scripts without blanks between words each character."""
    return len(_WORD.findall(text))


def is_chinese(text: str) -> bool:
    """Mostly Han, without kana among them; names and brands of other scripts do not change it."""
    han, kana = len(_HAN_LETTER.findall(text)), len(_KANA_LETTER.findall(text))
    return kana * 6 < han and han * 2 >= count_words(text)


def spoken_language(text: str) -> str:
    """The name of the language that its script is written in most; a script of many languages counts as English."""
    return next((name for name, script in _SCRIPTS if script.search(text)), "English")
