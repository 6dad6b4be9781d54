"""What of a prompt stands in a board: texts that only say it back, and what it names. Pure; for any language.

Nobody marks what a prompt names, so only what writing marks is found: words with a capital or a number in them that
begin no sentence, Latin words among Chinese ones, and short texts between the marks of titles. A name of Chinese
characters alone is not told from any other word.
"""

from __future__ import annotations

import re
import unicodedata

from scriptqueue.schemas import JobRequest
from shared.board.likeness import ALIKE, DENSE_LETTER, FEWEST, grams
from shared.board.text import folded

STRETCH = 1.5  # times a text: the part of a prompt that it may have come from
INFLECTION = 2  # letters after a whole name: a genitive or a plural is no misspelling

_TITLE = re.compile(r"[《〈「『“‘]([^《》〈〉「」『』“”‘’，。！？、,.!?\n]{1,20})[》〉」』”’]")
_WORD = re.compile(r"[A-Za-zÀ-ɏ0-9]+(?:[-'’&.][A-Za-zÀ-ɏ0-9]+)*")
_BEGINS = re.compile(r"(?:^|[.!?:。！？：\n\"“«])\s*$")  # what stands before the first word of a sentence


def says_back(text: str, prompt: str) -> bool:
    """Whether a text is a stretch of the prompt, nearly word for word. One of a few characters is a name or a thing."""
    own, whole = grams(text), folded(prompt)
    if len(own) < FEWEST:
        return False
    width = round(STRETCH * len(folded(text)))
    starts = range(0, max(1, len(whole) - width + 1), max(1, width // 6))
    stretches = [whole[start : start + width] for start in starts] + [whole[-width:]]
    return any(len(own & grams(stretch)) >= ALIKE * len(own) for stretch in stretches)


def is_found(name: str, text: str) -> bool:
    return bool(exactly(name).search(as_spelt(text)))


def as_spelt(text: str) -> str:
    """Full-width letters and kinds of apostrophes are no spelling."""
    return unicodedata.normalize("NFKC", text).replace("’", "'")


def exactly(name: str) -> re.Pattern[str]:
    """Of text `as_spelt`: the name between words, where the script has blanks between them; an ending may follow."""
    name = as_spelt(name)
    before = r"(?<![A-Za-zÀ-ɏ0-9])" if re.match(r"[A-Za-zÀ-ɏ0-9]", name) else ""
    after = rf"(?![A-Za-zÀ-ɏ0-9]{{{INFLECTION + 1}}})" if re.search(r"[A-Za-zÀ-ɏ]$", name) else ""
    after = after or (r"(?![0-9])" if name[-1].isdigit() else "")
    return re.compile(before + re.escape(name) + after)


def names_in(request: JobRequest) -> tuple[str, ...]:
    """Of its prompt, each once, and those of its cast."""
    prompt = as_spelt(request.prompt)
    titles = [found[1].strip() for found in _TITLE.finditer(prompt)]
    words = [found[0] for found in _WORD.finditer(prompt) if _is_name(found[0], prompt[: found.start()], prompt)]
    return tuple(dict.fromkeys(filter(None, (*(one.name for one in request.characters), *titles, *words))))


def _is_name(word: str, before: str, prompt: str) -> bool:
    if len(word) < 2 or word.isdigit():  # a number of seconds or of scenes is none
        return False
    if len(DENSE_LETTER.findall(prompt)) > len(_WORD.findall(prompt)):
        return True
    if word[1:] != word[1:].lower() or any(letter.isdigit() for letter in word):
        return prompt != prompt.upper()
    return word[0].isupper() and not _BEGINS.search(before)
