"""Words of a text that comes piece by piece, in one normal form: full-width letters, case and what joins words
(`Coca-Cola`, `3.5`) make no difference, nor does how the text is cut into tokens.

Of a script without blanks between its words what one token holds is a word. Knows no JSON, no penalty.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

# Chinese, kana, Thai, Lao, Burmese, Khmer. Korean has blanks.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"  # on and of letters
_RUN = re.compile(
    rf"(?P<dense>[{_DENSE}]+)|(?P<letters>(?:[{_MARKS}]|[^\W_{_DENSE}])+)|(?P<other>(?:(?![{_MARKS}{_DENSE}])[\W_])+)"
)
_FIRST_DENSE = re.compile(f"[{_DENSE}]")
_JOINS = frozenset("-'’.,:&/+")
_ENDING = 2  # letters after a whole word: a genitive or a plural
_STEM = 4  # characters of a word that may have one


class Run(NamedTuple):
    """What is alike and adjacent in a text."""

    kind: str  # dense, letters or other
    text: str


@lru_cache(maxsize=1 << 16)
def runs_of(piece: bytes) -> tuple[Run, ...] | None:
    """In normal form; None for a piece that is not whole characters."""
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return None
    text = unicodedata.normalize("NFKC", text).casefold()
    return tuple(Run(str(found.lastgroup), found[0]) for found in _RUN.finditer(text))


def is_dense(word: str) -> bool:
    """Whether a word is of a script without blanks."""
    return _FIRST_DENSE.match(word) is not None


def goes_on(run: Run) -> bool:
    """Whether it belongs to a word of letters that it follows."""
    return run.kind == "letters" or joins(run)


def joins(run: Run) -> bool:
    """Whether it makes one word of what stands before and behind it."""
    return run.text in _JOINS


class KnownWords:
    """Those of a request, and of what was learnt since. Chinese ones are known wherever they are cut."""

    def __init__(self, text: str = "") -> None:
        self._words: set[str] = set()
        self._dense = ""  # runs of it, a line each
        for piece in text.split():
            self.learn(piece)

    def learn(self, piece: str) -> None:
        """All words of a text without blanks."""
        for word in _words_of(piece):
            if is_dense(word):
                self._dense += f"{word}\n"
            else:
                self._words.add(word)

    def __contains__(self, word: str) -> bool:
        if word in self._words or word in self._dense:
            return True
        stems = (word[:-ending] for ending in range(1, min(_ENDING, len(word) - _STEM) + 1))
        return any(stem in self._words for stem in stems)


def _words_of(piece: str) -> Iterator[str]:
    word = ""
    for run in runs_of(piece.encode()) or ():
        if run.kind == "letters":
            word += run.text
        elif not (word and joins(run)):
            if word:
                yield word
            word = ""
            if run.kind == "dense":
                yield run.text
    if word:
        yield word
