"""What each token of a vocabulary takes to be said, as masks of those that take no longer than what is left.

A mask that is asked for again is kept: masks near the end of a scene's seconds cost one intersection.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from worker.engine.layout import CountSpeech

ENOUGH_S = 5e-10  # sums of fractions: 41 characters at 4.1 a second are 10 s
OPENS_WITH_TEXT = re.compile(rb'(?:.*:)?"[^",:\]}]', re.DOTALL)  # a string, with its first characters
_LETTER = "a"  # of a script that is counted in words
_CONTINUES = range(0x80, 0xC0)  # bytes of a character in UTF-8 that are not its first


class TokenCosts:
    """The seconds that each token of a vocabulary takes at most, by the letters of the word before it."""

    def __init__(
        self,
        tokens: Sequence[bytes],
        count: CountSpeech,
        as_mask: Callable[[NDArray[np.bool_]], NDArray[np.int32]],
    ) -> None:
        self._count = count
        self._as_mask = as_mask
        self.reserved = cache(self._reserved)
        self._in_word = cache(lambda character: count(character, 1))
        split = [self._split(token) for token in tokens]
        self._letters = np.array([letters for letters, _ in split], dtype=np.int16)
        self._rest_s = np.array([seconds for _, seconds in split], dtype=np.float64)
        whole = (token.decode(errors="replace") for token in tokens if b'"' in token)
        longest_s = max(float(self._costs(0).max()), *(count(text, 0)[0] for text in whole))
        # What stands behind a quote in a token is not counted, so there must be time for any.
        self._rest_s += longest_s * np.fromiter(map(_is_open_ended, tokens), dtype=bool, count=len(tokens))
        self.most_s = max(longest_s, float(self._costs(0).max()))
        self.least_s = float(self._costs(0)[self._costs(0) > 0].min())
        self._steps = lru_cache(maxsize=32)(lambda letters: np.unique(self._costs(letters)).tolist())
        self._mask = lru_cache(maxsize=512)(self._up_to)

    def of(self, token: int, letters: int) -> float:
        """What a token takes after a word of so many letters."""
        return self._count(_LETTER * int(self._letters[token]), letters)[0] + float(self._rest_s[token])

    def within(self, left_s: float, letters: int) -> NDArray[np.int32]:
        """The tokens that take no longer after a word of so many letters. Those that cost nothing always do."""
        steps = self._steps(letters)
        return self._mask(steps[max(0, bisect_right(steps, left_s + ENOUGH_S) - 1)], letters)

    def _up_to(self, most_s: float, letters: int) -> NDArray[np.int32]:
        return self._as_mask(self._costs(letters) <= most_s)

    def _costs(self, letters: int) -> NDArray[np.float64]:
        leading = [self._count(_LETTER * more, letters)[0] for more in range(int(self._letters.max()) + 1)]
        costs: NDArray[np.float64] = np.array(leading)[self._letters] + self._rest_s
        return costs

    def _split(self, token: bytes) -> tuple[int, float]:
        """The letters with which a token goes on with a word, and the seconds of what comes after them."""
        text = self._text(token)
        letters = 0
        for place, character in enumerate(text):
            seconds, after = self._in_word(character)
            if seconds or not after:
                return letters, self._count(text[place:], 0)[0]
            letters += after - 1
        return letters, 0.0

    def _text(self, token: bytes) -> str:
        """Up to the end of the string. What finishes a character was reserved when that began; of one that is begun
        here, what it may become."""
        if b'"' in token or b"\\" in token:
            token = _up_to_quote(token)
        if token.isascii():
            return token.decode()
        start = next((at for at, byte in enumerate(token) if byte not in _CONTINUES), len(token))
        text, begun = _decoded(token[start:])
        return ("\N{REPLACEMENT CHARACTER}" if start else "") + text + (self.reserved(begun) if begun else "")

    def _reserved(self, begun: bytes) -> str:
        """Characters that take as long as any that these first bytes may become."""
        characters = [chr(code) for code in _may_become(begun)]
        costs = {character: (self._count(character, 0)[0], self._count(character, 1)[0]) for character in characters}
        slowest = max(characters, key=lambda character: costs[character][1])
        in_words = any(alone and not inside for alone, inside in costs.values())
        return (_LETTER if in_words else "") + (slowest if costs[slowest][1] else "")


def _up_to_quote(token: bytes) -> bytes:
    at = 0
    while at < len(token) and token[at] != ord('"'):
        at += 2 if token[at] == ord("\\") else 1
    return token[:at]


def _is_open_ended(token: bytes) -> bool:
    """Whether more may be said by it, or right after it: it goes on into another string, or ends in a backslash, behind
    which a quote ends nothing."""
    if OPENS_WITH_TEXT.match(token):
        return True
    return token.endswith(b"\\") and (len(token) - len(token.rstrip(b"\\"))) % 2 == 1


def _decoded(token: bytes) -> tuple[str, bytes]:
    """The whole characters of a token, and the first bytes of one that is not."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return decoder.decode(token), decoder.getstate()[0]


def _may_become(begun: bytes) -> range:
    """The characters that begin with these bytes; of very many one of 64, for such blocks are of one script."""
    length = 2 if begun[0] < 0xE0 else 3 if begun[0] < 0xF0 else 4
    missing = length - len(begun)
    bits = begun[0] & (0xFF >> (length + 1))
    for byte in begun[1:]:
        bits = bits << 6 | byte & 0x3F
    first, end = bits << 6 * missing, bits + 1 << 6 * missing
    least = {2: 0x80, 3: 0x800, 4: 0x10000}[length]
    return range(max(first, least), min(end, 0x110000), 64 if missing == 3 else 1)
