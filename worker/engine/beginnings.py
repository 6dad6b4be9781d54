"""Beginnings that a string may not have: small models copy the placeholders that a prompt's example shows.

What would make such a beginning whole is taken from the scores, so a text may begin like one and go on in another way.
Of a text alone, so that neither neighbours in the batch nor a resume change anything. Knows keys and phrases as data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from worker.engine.distinct import NEVER
from worker.engine.scanner import Scanner
from worker.engine.vocabulary import Vocabulary

_MARKS = re.compile(rb"(?:[^A-Za-z0-9\x80-\xff]|\xe2\x80[\x90-\xbf]|\xe3\x80[\x80-\xbf])*")  # those before a word
_MOST_MARKS = 8  # bytes
_CLOSES = b'"'


class Beginnings:
    """Follows one text. `refused`: a key, and what none of its strings begins with, in any case."""

    def __init__(self, vocabulary: Vocabulary, scanner: Scanner, refused: Iterable[tuple[str, str]]) -> None:
        self._vocabulary, self._scanner = vocabulary, scanner
        self._phrases: dict[bytes, list[bytes]] = {}
        for key, phrase in refused:
            self._phrases.setdefault(key.encode(), []).append(_without_blanks(phrase.lower().encode()))
        self._most = max((len(phrase) for _, phrases in self._phrases.items() for phrase in phrases), default=0)

    def penalties(self) -> dict[int, float]:
        """What to take from the scores of tokens with which the string would begin in a refused way."""
        begun = self._begun()
        if begun is None:
            return {}
        key = self._scanner.key.encode()
        rests = [phrase[len(begun) :] for phrase in self._phrases.get(key, ()) if phrase.startswith(begun)]
        spelt = {rest for rest in rests if rest}
        spelt = {before + rest for rest in spelt for before in (b"", b" ", *([] if begun else [_CLOSES]))}
        return {token: NEVER for rest in sorted(spelt) for token in self._vocabulary.going_on_with(rest)}

    def _begun(self) -> bytes | None:
        """What is written of a string that has only just begun, in small letters, without blanks (models put one into a
        word that they may not write) and without the marks before it."""
        text = self._scanner.text
        if not self._scanner.in_value:
            return b"" if text.endswith(b":") else None
        at = text.rfind(_CLOSES) + 1
        if len(text) - at > self._most + _MOST_MARKS:
            return None
        begun = _without_blanks(bytes(text[at:]).lower())
        marks = _MARKS.match(begun)
        return begun[marks.end() :] if marks else begun


def _without_blanks(text: bytes) -> bytes:
    return text.replace(b" ", b"")
