"""Speech that fits: what is spoken in a scene takes no longer to be said than the scene lasts.

The grammar alone cannot do that: it knows no number that was written before. So near the end of a scene's seconds a
mask loses each token that would go beyond them, and within a word, or where nothing more fits, such a token ends the
string. A word that has begun may always be finished, and whatever closes the string is free. A string that ends like
this in the midst of a sentence goes back to the end of its last sentence or clause, and ends there. How long a text
takes to be said is the layout's function.
"""

from __future__ import annotations

import codecs
from math import inf
from typing import NamedTuple

from worker.engine.layout import SpeechLayout
from worker.engine.scanner import SCENE_DEPTH, Scanner
from worker.engine.token_costs import ENOUGH_S
from worker.engine.vocabulary import Mask, Vocabulary, keep

LEAST_LINE_S = 1.0  # where less is left nobody begins to speak
LAST_SHARE = 1 / 3  # of a scene's seconds: where less is left after a sentence, another is not begun
LEAST_KEPT = 1 / 3  # of them: what a text that goes back must have said by then
_SENTENCE_ENDS = tuple("。！？!?.")
_CLAUSE_ENDS = tuple(",;，；")


class TextPlace(NamedTuple):
    """In a text: so many tokens, the sampled ones among them."""

    tokens: int
    sampled_tokens: int


class SpeechBound:
    """Narrows the masks of one text."""

    def __init__(self, vocabulary: Vocabulary, scanner: Scanner, layout: SpeechLayout) -> None:
        self._vocabulary = vocabulary
        self._shares, self._lists = dict(layout.keys), layout.lists
        self._opens_bare = ~vocabulary.opens_with_text  # no word comes with the quote before it, which is uncounted
        self._costs = vocabulary.costs(layout.count)
        self._scanner = scanner
        self._count = layout.count
        self._at = TextPlace(0, 0)  # where no character is half written
        self._begin()

    def _begin(self) -> None:
        """A scene."""
        self._text = self._scanner.speech
        self._read = self._letters = 0
        self._spent_s = 0.0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begin_string()

    def _begin_string(self) -> None:
        self._place = self._scanner.place
        self._begun_s = self._spent_s  # before it
        self._before, self._last = "", ""  # the last two characters that are no blanks
        self._end: TextPlace | None = None  # of its last sentence or clause
        self._ends_here = self._is_cut = False

    def follow(self, place: TextPlace) -> None:
        """The scanner has moved by a token, and the text is at this place now."""
        scanner = self._scanner
        if scanner.speech is not self._text:
            self._begin()
        elif scanner.in_speech and scanner.place != self._place:
            self._begin_string()
        if len(self._text) > self._read:
            text = self._decoder.decode(bytes(self._text[self._read :]))
            self._read = len(self._text)
            if text.lstrip().startswith(_CLAUSE_ENDS) and not self._last.isdigit() and self._says_enough():
                self._end = self._at
            seconds, self._letters = self._count(text, self._letters)
            self._spent_s += seconds
            *_, self._before, self._last = (self._before, self._last, *text.replace(" ", ""))
            if text.endswith(_SENTENCE_ENDS) and self._ended_sentence() and self._says_enough():
                self._end = place
        if not self._decoder.getstate()[0]:
            self._at = place

    def is_beyond(self, token: int) -> bool:
        """Whether a token begins a word that the scene has no time for, after one that is whole by that."""
        return self._in_word() and self._costs.of(token, self._letters) > self._left_s() + ENOUGH_S

    def cut(self, token: int) -> None:
        """The string ends instead of this token, which is beyond."""
        self._is_cut = not self._vocabulary.bytes_of(token).lstrip().decode(errors="ignore").startswith(_SENTENCE_ENDS)

    def better_end(self) -> TextPlace | None:
        """Where the string should have ended that has just been cut in the midst of a sentence."""
        is_over = self._is_cut and not (self._scanner.in_speech and self._scanner.place == self._place)
        return self._end if is_over else None

    def end(self) -> None:
        """The string ends here, with its sentence."""
        self._ends_here = True

    def narrow(self, mask: Mask) -> None:
        """Take tokens out of a mask, in place; never the last one."""
        scanner, whole_s = self._scanner, self._whole_s()
        if self._ends_here and scanner.in_speech:
            keep(mask, self._vocabulary.closes if self._ended_sentence() else self._vocabulary.ends_text)
            return
        left_s = whole_s - self._spent_s
        if left_s >= max(self._costs.most_s, LAST_SHARE * whole_s):
            return
        if left_s < self._costs.most_s and not scanner.in_value:
            keep(mask, self._opens_bare)
        if scanner.scene_key in self._lists and left_s < LEAST_LINE_S:
            self._end_list(mask)
        if not scanner.in_speech:
            return
        if begun := self._decoder.getstate()[0]:
            left_s -= self._count(self._costs.reserved(begun), self._letters)[0]
        if not (scanner.in_escape or self._in_word()):
            keep(mask, self._costs.within(left_s, self._letters))
        if self._ended_sentence() and left_s < LAST_SHARE * whole_s:
            keep(mask, self._vocabulary.closes)

    def _whole_s(self) -> float:
        """That the string which is written may end at; endless before a scene's seconds are known."""
        seconds = self._scanner.seconds
        return inf if seconds is None else seconds * self._shares.get(self._scanner.key, 1.0)

    def _left_s(self) -> float:
        return self._whole_s() - self._spent_s

    def _says_enough(self) -> bool:
        """To end here: what stands in the string so far."""
        return self._spent_s - self._begun_s >= LEAST_KEPT * (self._whole_s() - self._begun_s)

    def _ended_sentence(self) -> bool:
        return self._last in _SENTENCE_ENDS and not self._before.isdigit()

    def _in_word(self) -> bool:
        """Or behind the last character that there is time for. Then tokens beyond the bound are left in the mask:
        without them a word would be glued to the one before it, for the letters of a word that has begun are free.
        Whoever chooses one of them wants the word to end, or the text to go on."""
        scanner = self._scanner
        if not scanner.in_speech or scanner.in_escape or self._decoder.getstate()[0]:
            return False
        return self._letters > 0 or (self._last != "" and self._left_s() + ENOUGH_S < self._costs.least_s)

    def _end_list(self, mask: Mask) -> None:
        """Nobody begins to speak any more."""
        scanner, vocabulary = self._scanner, self._vocabulary
        if scanner.depth == SCENE_DEPTH:
            keep(mask, ~vocabulary.fills_list)
        elif scanner.depth == SCENE_DEPTH + 1:
            keep(mask, vocabulary.ends_list)
        else:
            keep(mask, ~vocabulary.continues_in_objects)
