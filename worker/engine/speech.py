"""Speech that fits: what is spoken in a scene takes no longer to be said than the scene lasts.

The grammar alone cannot do that: it knows no number that was written before. So near the end of a scene's seconds a
mask loses each token that would go beyond them. A word that has begun may always be finished, and whatever closes the
string is free. How long a text takes to be said is the layout's function.
"""

from __future__ import annotations

import codecs

from worker.engine.layout import SpeechLayout
from worker.engine.scanner import Scanner
from worker.engine.vocabulary import Mask, Vocabulary, keep

LAST_SHARE = 1 / 3  # of a scene's seconds: where less is left after a sentence, another is not begun
_SENTENCE_ENDS = tuple("。！？!?.")


class SpeechBound:
    """Narrows the masks of one text."""

    def __init__(self, vocabulary: Vocabulary, scanner: Scanner, layout: SpeechLayout) -> None:
        self._closes = vocabulary.closes
        self._opens_bare = ~vocabulary.opens_with_text  # no word comes with the quote before it, which is uncounted
        self._costs = vocabulary.costs(layout.count)
        self._scanner = scanner
        self._count = layout.count
        self._begin()

    def _begin(self) -> None:
        """A scene."""
        self._text = self._scanner.speech
        self._read = self._letters = 0
        self._spent_s = 0.0
        self._before, self._last = "", ""  # the last two characters that are no blanks
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def follow(self) -> None:
        """The scanner has moved by a token."""
        scanner = self._scanner
        if scanner.speech is not self._text:
            self._begin()
        if len(self._text) > self._read:
            text = self._decoder.decode(bytes(self._text[self._read :]))
            self._read = len(self._text)
            seconds, self._letters = self._count(text, self._letters)
            self._spent_s += seconds
            *_, self._before, self._last = (self._before, self._last, *text.replace(" ", ""))

    def narrow(self, mask: Mask) -> None:
        """Take tokens out of a mask, in place; never the last one."""
        scanner = self._scanner
        if scanner.seconds is None:
            return
        left_s = scanner.seconds - self._spent_s
        if left_s >= self._costs.most_s and left_s >= LAST_SHARE * scanner.seconds:
            return
        if left_s < self._costs.most_s:
            keep(mask, self._opens_bare)
        if not scanner.in_speech:
            return
        if begun := self._decoder.getstate()[0]:
            left_s -= self._count(self._costs.reserved(begun), self._letters)[0]
        if not scanner.in_escape:
            keep(mask, self._costs.within(left_s, self._letters))
        if self._last in _SENTENCE_ENDS and not self._before.isdigit() and left_s < LAST_SHARE * scanner.seconds:
            keep(mask, self._closes)
