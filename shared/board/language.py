"""The language that a text is written in: by its script, and within a script by letters and small words.

No detector is asked. On a few words they guess (`Espresso macchiato commercial` is Italian to them, `Robot` Polish),
and a guess that changes with their release would change prompts. Here Latin letters are English until at least two
small words or letters of another language say otherwise. Knows no model.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from scriptqueue.schemas import JobRequest
from shared.board.languages import CHINESE, ENGLISH, JAPANESE, OF_SCRIPT

_LATIN = "LATIN"
_UNSPACED = frozenset({"CJK", "HANGUL", "THAI", "KHMER", "LAO", "MYANMAR", "TIBETAN"})  # counted by letters
_JAPANESE_LETTERS = ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")
_CHINESE_LETTERS = ("CJK", "BOPOMOFO", "IDEOGRAPHIC")
_JOINERS = "'’\u200c\u200d"
_PARTICLES = {
    *("of", "the", "and"),
    *("de", "la", "el", "le", "du", "van", "di", "da", "del", "des", "los", "las", "do", "dos"),
}  # in names
CLEARLY = 2  # words that English has not


def written_language(request: JobRequest) -> str:
    """The tag of the language to write in; for `auto` the prompt's own."""
    return language_of(request.prompt) if request.language == "auto" else request.language


def language_of(text: str) -> str:
    """Its tag. Chinese where there are no letters at all."""
    words = list(_words(unicodedata.normalize("NFKC", text)))
    units = Counter[str]()
    for script, word in words:
        units[script] += len(word) if script in _UNSPACED else 1
    latin = [word for script, word in words if script == _LATIN]
    foreign = max((script for script in units if script != _LATIN), key=units.__getitem__, default=None)
    if foreign is None:
        return _of_latin(latin) if latin else CHINESE
    if latin and _is_sentence(latin) and len(latin) >= units[foreign]:
        return _of_latin(latin)
    if foreign == "CJK":
        return JAPANESE if _is_japanese("".join(word for script, word in words if script == foreign)) else CHINESE
    return _of_others(foreign, [word for script, word in words if script == foreign])


def is_clearly_english(text: str) -> bool:
    """Whether it has small words of English, among them one that no other language has."""
    small = _small_words([word for script, word in _words(unicodedata.normalize("NFKC", text)) if script == _LATIN])
    english, *others = OF_SCRIPT[_LATIN]
    own = small - {word for language in others for word in language.known}
    return english.count(small) >= CLEARLY and english.count(own) > 0


def _of_latin(words: list[str]) -> str:
    small = _small_words(words)
    english, *others = OF_SCRIPT[_LATIN]
    best = max(others, key=lambda language: (language.count(small), language.spells(small)))
    is_clear = best.count(small - english.known) >= CLEARLY and best.count(small) > english.count(small)
    return best.tag if is_clear else ENGLISH


def _of_others(script: str, words: list[str]) -> str:
    """The first of the script whose marks at least every tenth word bears."""
    if script not in OF_SCRIPT:
        return ENGLISH
    usual, *others = OF_SCRIPT[script]
    distinct = {word.lower() for word in words}
    marked = (language for language in others if language.count(distinct) * 10 >= len(distinct))
    return next(marked, usual).tag


def _is_sentence(words: list[str]) -> bool:
    """Rather than a brand or a title among words of another script."""
    small = _small_words(words)
    counts = [language.count(small) for language in OF_SCRIPT[_LATIN]]
    known = {word for language in OF_SCRIPT[_LATIN] for word in language.known}
    return max(counts) >= CLEARLY and any(word.islower() and word not in known for word in words)


def _small_words(words: list[str]) -> set[str]:
    """Each once, without those that stand in a name: `Rio de Janeiro`, `La La Land`, `São Paulo`."""
    small = set()
    for place, word in enumerate(words):
        before, after = words[place - 1] if place else "", words[place + 1] if place + 1 < len(words) else ""
        in_name = word.lower() in _PARTICLES and after.istitle() and (word.istitle() or before.istitle())
        is_name = place > 0 and word.istitle() and not word.isascii()
        if not (in_name or is_name):
            small.add(word.lower().replace("’", "'"))
    return small


def _is_japanese(text: str) -> bool:
    """Kanji with kana among them. A の in a Chinese brand and a word of Japanese in a Chinese sentence make it none."""
    kana = sum(_script(letter) in _JAPANESE_LETTERS for letter in text)
    if kana * 6 < len(text):
        return False
    return kana * 3 >= len(text) or _is_known_in_japan(text)


def _is_known_in_japan(text: str) -> bool:
    """Simplified characters are not."""
    try:
        text.encode("euc_jp")
    except UnicodeEncodeError:
        return False
    return True


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Runs of letters of one script, with it."""
    script, word = "", ""
    for letter in text:
        if word and (letter in _JOINERS or unicodedata.category(letter).startswith("M")):
            word += letter
            continue
        own = _group(letter) if letter.isalpha() else ""
        if own != script and word:
            yield script, word
            word = ""
        script = own
        if own:
            word += letter
    if word:
        yield script, word


def _group(letter: str) -> str:
    """Its script; Chinese and Japanese letters are one until they are counted."""
    script = _script(letter)
    return "CJK" if script in (*_JAPANESE_LETTERS, *_CHINESE_LETTERS) else script


@lru_cache(4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
