"""What a language tag (BCP 47) means to who writes: the language's name, and the manner of its script.

Knows tags that are well-formed and in their usual case (`zh-Hant-TW`); not how prompts speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from scriptqueue.scene_fields import Spoken
from shared.board.language_names import DIALECTS, LANGUAGE_NAMES, REGION_NAMES, WRITING_NAMES
from shared.board.languages import NAMES, OF_SCRIPT

_SAME = {"cmn": "zh", "in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro", "tl": "fil"}  # older or longer tags
_HAN_OF = {"CN": "Hans", "HK": "Hant", "MO": "Hant", "MY": "Hans", "SG": "Hans", "TW": "Hant"}
_SCRIPTS_WITHOUT_BLANKS = {"Hans", "Hant", "Jpan", "Khmr", "Laoo", "Mymr", "Thai", "Tibt"}
_ROWS_WITHOUT_BLANKS = ("CJK", "KANA", "THAI", "KHMER", "LAO", "MYANMAR", "TIBETAN")
_WITHOUT_BLANKS = {row.tag for script in _ROWS_WITHOUT_BLANKS for row in OF_SCRIPT[script]} | {
    *("dz", "gan", "hak", "hsn", "nan", "shn", "wuu", "yue")
}
_CHINESE_NAMES = {"": "中文", "Hans": "简体中文", "Hant": "繁體中文"}
_CHINESE_REGIONS = {"HK": "香港", "MO": "澳門", "TW": "台灣"}


@dataclass(frozen=True)
class _Subtags:
    language: str
    script: str = ""
    region: str = ""
    rest: tuple[str, ...] = ()


def language_name(tag: str) -> str | None:
    """In English: `Traditional Chinese`, `Brazilian Portuguese`, `Serbian (Latin script)`. None: one of its parts has
    none here."""
    parts = _subtags(tag)
    language, region = parts.language, parts.region
    script = parts.script or (_HAN_OF.get(region, "") if language == "zh" else "")
    name: str | None
    if name := DIALECTS.get(f"{language}-{script}"):
        script = ""
    elif name := DIALECTS.get(f"{language}-{region}"):
        region = ""
    else:
        name = NAMES.get(language) or LANGUAGE_NAMES.get(language)
    besides = [f"{WRITING_NAMES[script]} script"] if script in WRITING_NAMES else []
    besides += [REGION_NAMES[region]] if region in REGION_NAMES else []
    besides += parts.rest
    if name is None or len(besides) < bool(script) + bool(region) + len(parts.rest):
        return None
    if any(len(part) < len("1994") for part in parts.rest):  # of an extension, which is nothing to write in
        return None
    return f"{name} ({', '.join(besides)})" if besides else name


def chinese_name(tag: str) -> str:
    """Of a tag whose words are Chinese, in Chinese."""
    parts = _subtags(tag)
    region = _CHINESE_REGIONS.get(parts.region)
    return _CHINESE_NAMES[_han(parts)] + (f"（{region}）" if region else "")


def main_language(tag: str) -> str:
    """Its tag without script, region and the rest: `zh` of `zh-Hant-TW`."""
    return _subtags(tag).language


def has_script(tag: str) -> bool:
    """Whether it names one: `sr-Latn`."""
    return bool(_subtags(tag).script)


def is_traditional(tag: str) -> bool:
    return _han(_subtags(tag)) == "Hant"


def words_in(tag: str) -> Spoken:
    """Our own words are Chinese and English; who writes in another language is told so in English."""
    parts = _subtags(tag)
    return "zh" if parts.language == "zh" and parts.script in _CHINESE_NAMES and not parts.rest else "en"


def is_spaced(tag: str) -> bool:
    """Whether blanks stand between its words."""
    parts = _subtags(tag)
    return parts.script not in _SCRIPTS_WITHOUT_BLANKS if parts.script else parts.language not in _WITHOUT_BLANKS


def _han(parts: _Subtags) -> str:
    """Which of the two scripts of Chinese; empty where the tag does not say."""
    if parts.language != "zh" or parts.script not in _CHINESE_NAMES:
        return ""
    return parts.script or _HAN_OF.get(parts.region, "")


@lru_cache(1024)
def _subtags(tag: str) -> _Subtags:
    language, *rest = tag.split("-")
    while rest and len(rest[0]) == len("yue") and rest[0].islower():  # `zh-yue` is `yue`
        language = rest.pop(0)
    script = rest.pop(0) if rest and len(rest[0]) == len("Hant") and rest[0].isalpha() else ""
    region = rest.pop(0) if rest and len(rest[0]) in {len("TW"), len("419")} else ""
    return _Subtags(_SAME.get(language, language), script, region, tuple(rest))
