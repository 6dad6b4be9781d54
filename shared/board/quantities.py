"""Lengths and numbers of scenes as people write them: `60秒`, `1分30秒`, `a minute and a half`, `3-5 scenes`.

Finds where a text speaks of seconds or of shots and how many. Whether it asks for them is wishes.py's to judge.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from shared.board.chinese import CHARACTERS, chinese_number

_WORDS = {
    word: value
    for value, word in enumerate(
        [
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
            *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
        ]
    )
}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_OTHERS = {  # of small counts, in languages besides Chinese and English
    word: value
    for value, words in {
        2: ("dos", "deux", "due", "zwei", "двух"),
        3: ("tres", "três", "trois", "tre", "drei", "трёх", "трех"),
        4: ("cuatro", "quatro", "quatre", "quattro", "vier", "четырёх"),
        5: ("cinco", "cinq", "cinque", "fünf", "пяти"),
        6: ("seis", "sei", "sechs", "шести"),
        7: ("siete", "sete", "sept", "sette", "sieben", "семи"),
        8: ("ocho", "oito", "huit", "otto", "acht", "восьми"),
        10: ("diez", "dez", "dix", "dieci", "zehn", "десяти"),
    }.items()
    for word in words
}
_TEEN_OR_ONE = "|".join(sorted(_WORDS, key=len, reverse=True))
_NUMBER = (
    rf"(?:(?<!\d)(?<!\d[.,:])\d{{1,5}}(?:\.\d{{1,2}})?|[{CHARACTERS}半]{{1,5}}"
    rf"|\b(?:(?:{'|'.join(_TENS)})(?:[- ](?:{_TEEN_OR_ONE}))?|{_TEEN_OR_ONE}|{'|'.join(_OTHERS)})\b"
    r"(?:\s+and\s+a\s+half)?)"
)
_TO = r"\s*(?:-|–|—|~|〜|到|至|to|or|and|或|à|bis|a|до)\s*"
_SECONDS = (
    r"(?:秒钟|秒鐘|秒|초|(?:(?<=\d)|(?<=\d[\s-]))s(?![a-z0-9'’])|(?:seconds?|secs?|segundos?|secondes?|secondi|Sekunden|sekündig\w*|Sek)\b"
    r"|секунд\w*|сек\b)"
)
_MINUTES = (
    r"(?:分钟|分鐘|分間|分(?=の)|분(?=짜리|간|길이|\s*분량)|(?:minutes?|mins?|minutos?|minuti|Minuten|minütig\w*)\b"
    r"|минут\w*|мин\b)"
)
_LENGTHS = re.compile(
    rf"(?P<clock>(?<![\d:])\d{{1,2}}:[0-5]\d(?![\d:]))"
    rf"|(?P<half_after>\b(?:a|one)\s+minute\s+and\s+a\s+half\b)|(?P<half>\bhalf[- ](?:a[- ])?minutes?\b)"
    rf"|(?P<minutes>{_NUMBER})[-\s]?(?:{_MINUTES}|分|분|m(?=\s?\d))\s*(?:and\s+|[,y]\s*)?"
    rf"(?P<seconds>{_NUMBER})[-\s]?{_SECONDS}|(?P<minutes_and_half>{_NUMBER})分半钟?鐘?"
    rf"|(?P<low>{_NUMBER})(?:[-\s]?(?P<low_unit>{_SECONDS}|{_MINUTES}))?{_TO}(?P<high>{_NUMBER})[-\s]?"
    rf"(?:(?P<range_s>{_SECONDS})|{_MINUTES})"
    rf"|(?P<number>{_NUMBER})[-\s]?(?:(?P<unit_s>{_SECONDS})|{_MINUTES})|\b(?P<a_minute>a\s+(?:full\s+)?minute)\b",
    re.IGNORECASE,
)
_KINDS = (
    r"(?:different|distinct|short|quick|main|key|separate|single|camera|individual|不同的?|主要|关键|连续的?|短)?[-\s]*"
)
_SCENE_UNITS = (
    r"(?:分镜头|分鏡頭|镜头|鏡頭|分镜|分鏡|场景|場景|画面|畫面|カット|シーン|장면|컷|씬|(?:scenes?|shots?|panels?"
    r"|escenas?|planos?|cenas?|scènes?|plans|inquadrature|Szenen|Einstellungen)\b|сцен\w*|кадр\w*)"
)
_SCENES = re.compile(
    rf"(?:(?P<low>{_NUMBER}){_TO})?(?P<number>{_NUMBER})\s*[个個组組つ개]?[의の]?[-\s]*{_KINDS}(?P<unit>{_SCENE_UNITS})",
    re.IGNORECASE,
)
_TIME = re.compile(rf"{_SECONDS}|{_MINUTES}|分|분|\d:\d", re.IGNORECASE)
_SCENE = re.compile(_SCENE_UNITS, re.IGNORECASE)


@dataclass(frozen=True)
class Amount:
    """So many, or between so many, and the words that say it at a place of the text."""

    least: float
    most: float
    start: int
    end: int
    words: str
    unit: str


def plain(text: str) -> str:
    """The text as it is looked at: full-width digits and letters are the usual ones, a line's end stays one."""
    return unicodedata.normalize("NFKC", text)


def lengths(text: str) -> Iterator[Amount]:
    """In seconds, from 0 where a timeline begins; `unit` is `s` where it was written so, `:` for a clock."""
    if not _TIME.search(text):
        return
    for found in _LENGTHS.finditer(text):
        least, most = _seconds(found)
        unit = ":" if found["clock"] else "s" if re.search(r"\ds$", found[0], re.IGNORECASE) else ""
        if least <= most and most:
            yield Amount(least, most, *found.span(), found[0], unit)


def scenes(text: str) -> Iterator[Amount]:
    """Scenes, shots and panels; `unit` is the word for them."""
    if not _SCENE.search(text):
        return
    for found in _SCENES.finditer(text):
        most = number(found["number"])
        least = number(found["low"]) if found["low"] else most
        if least == int(least) and most == int(most) and 0 < least <= most:
            yield Amount(least, most, *found.span(), found[0], found["unit"].lower())


def number(text: str) -> float:
    """The value of what `_NUMBER` matches."""
    words = text.lower().replace("-", " ").split()
    if words[-2:] == ["a", "half"]:
        return number(" ".join(words[:-3])) + 0.5
    if re.fullmatch(r"[\d.]+", text):
        return float(text)
    if len(words) > 1:
        return sum(map(number, words))
    word = words[0]
    known = _WORDS.get(word, _TENS.get(word, _OTHERS.get(word)))
    if known is None:
        return 0.5 if word == "半" else chinese_number(word) or 0  # no number: `半百`, `二三`
    return known


def _seconds(found: re.Match[str]) -> tuple[float, float]:
    if found["clock"]:
        minutes, seconds = map(int, found["clock"].split(":"))
        least = most = float(minutes * 60 + seconds)
    elif found["half_after"]:
        least = most = 90.0
    elif found["half"]:
        least = most = 30.0
    elif found["a_minute"]:
        least = most = 60.0
    elif found["minutes"]:
        least = most = number(found["minutes"]) * 60 + number(found["seconds"])
    elif found["minutes_and_half"]:
        least = most = number(found["minutes_and_half"]) * 60 + 30
    elif found["high"]:
        high = 1 if found["range_s"] else 60
        low = high if not found["low_unit"] else 1 if re.fullmatch(_SECONDS, found["low_unit"], re.IGNORECASE) else 60
        least, most = number(found["low"]) * low, number(found["high"]) * high
    else:
        least = most = number(found["number"]) * (1 if found["unit_s"] else 60)
    return least, most
