"""Discourages what a text has said already: the DRY rule ("don't repeat yourself", p-e-w, 2024), within string values,
in words.

A word that would go on with a repeated phrase is made less likely, the more the longer the phrase is. The penalty falls
on the tokens that begin it: a word or a number that was begun is never broken, and quotes and marks cost nothing. It
falls on all spellings of the beginning alike, for one that was left free would be taken: "RED", "contin-ne". Words of
the request and of the title are free in another string, where they are meant to come again. JSON's own structure is
never counted, and a text alone decides its penalties: neither its neighbours in the batch nor a resume change them.
Small models otherwise write the same scene again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from worker.engine.words import KnownWords, Run, goes_on, is_dense, joins, runs_of

# docs/quality.md has the figures of other values.
FREE_WORDS = 5  # a phrase of so many words may be said again
FIRST_PENALTY = 0.8  # taken from the score of the word after it
GROWTH = 1.7  # of the penalty, with each further word
WORDS_OF_A_NAME = 13  # as long a phrase may be meant to come again, in every scene
NAME_PENALTY = 3.9  # up to there, at most, and for words of the request at any length
MAX_PENALTY = 13.0  # of a sentence that is said again
FEWEST_DENSE = 2  # characters of a Chinese word within a run: one alone may end the word before it
FEWEST_GLUED = 3  # letters that are taken for a word of its own where they follow another without a blank

_BREAK = ""
_NO_RUN = Run("other", "")

First = tuple[int, ...]  # the token that begins a word; none where it holds more than that


class Repetition:
    """The phrases of one text. A token costs what it repeats, not what was written before.

    `bytes_of` says what a token is, `beginnings` by which ones a word in normal form can be begun. Left out, each token
    is a word. A phrase of `free_words` may be said again.
    """

    def __init__(
        self,
        bytes_of: Callable[[int], bytes] = b" %d".__mod__,
        beginnings: Callable[[str], Sequence[int]] = lambda _: (),
        known: KnownWords | None = None,
        free_words: int = FREE_WORDS,
    ) -> None:
        self._bytes_of = bytes_of
        self._beginnings = beginnings
        self._known = known or KnownWords()
        self._free_words = free_words
        self._words: list[str] = []
        self._firsts: list[First] = []  # of each word
        self._string = 0  # where the string that is being written begins
        self._ends: dict[tuple[str, ...], list[int]] = {}  # of each phrase of `FREE_WORDS`: where it ended
        self._repeated: dict[int, int] = {}  # where a phrase ended that the text ends with now: words in common
        self._open = ""  # the word of letters that the text ends with, which may go on
        self._open_first: First = ()
        self._joined = False  # the open word is followed by what may join it to more of it
        self._free = False  # the words of this string
        self._dense = False  # the text ends with a character of a script without blanks
        self._torn = b""  # the beginning of a character

    def note(self, token: int | None, *, free: bool = False) -> None:
        """A token of a string value was written; None: something else was, and a phrase ends here. `free`: the words of
        this string may come again."""
        if token is None:
            self._close()
            if self._free:
                for word in self._words[self._string :]:
                    self._known.learn(word)
            if self._string < len(self._words):
                self._append(_BREAK, ())
                self._string = len(self._words)
            self._dense, self._torn = False, b""
            return
        self._free = free
        piece = self._torn + self._bytes_of(token)
        runs = runs_of(piece)
        if runs is None:
            self._torn = piece
            return
        first: First = () if self._torn else (token,)
        self._torn = b""
        for run in runs:
            self._follow(run, first)
            if run.kind != "other":
                first = ()  # the token begins no second word

    def _follow(self, run: Run, first: First) -> None:
        if self._open and goes_on(run) and not (self._joined and joins(run)):
            self._joined = joins(run)
            self._open += "" if self._joined else run.text
            return
        self._close()
        self._dense = run.kind == "dense"
        if run.kind == "letters":
            self._open, self._open_first = run.text, first
        elif run.kind == "dense":
            self._append(run.text, first)

    def _close(self) -> None:
        """The open word, if there is one, is whole."""
        word, self._open, self._joined = self._open, "", False
        if word:
            self._append(word, self._open_first)

    def _append(self, word: str, first: First) -> None:
        self._words.append(word)
        self._firsts.append(first)
        if word == _BREAK:
            self._repeated = {}
            return
        self._repeated = dict(self._matches())
        if phrase := self._phrase():
            self._ends.setdefault(phrase, []).append(len(self._words) - 1)

    def _phrase(self, more: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The last words of the string, with more behind them; empty where there are fewer than make a phrase."""
        words = self._free_words - len(more)
        return (*self._words[-words:], *more) if len(self._words) - self._string >= words else ()

    def _matches(self, more: tuple[str, ...] = ()) -> Iterator[tuple[int, int]]:
        """Where a phrase ended that is the last one, and how many words are in common."""
        for end in self._ends.get(self._phrase(more), ()):
            # Where one word less was in common than a phrase needs, it was no phrase before.
            yield end, self._repeated.get(end - 1, self._free_words - 1) + 1

    def penalties(self) -> dict[int, float]:
        """What to take from the scores of the tokens that would go on repeating."""
        if self._torn or not (self._open or self._repeated):
            return {}
        costs: dict[tuple[str, First], float] = {}
        for end, common in self._matches((self._open,)) if self._open else self._repeated.items():
            follower = self._after(end)
            amount = penalty(common + FREE_WORDS - self._free_words)
            if follower[0] != _BREAK and amount > costs.get(follower, 0.0):
                cost = min(amount, self._most(follower[0], in_this_string=end >= self._string))
                costs[follower] = max(costs.get(follower, 0.0), cost)
        penalties: dict[int, float] = {}
        for (word, first), amount in costs.items():
            for token in (*first, *self._beginnings(word)) if amount else ():
                if amount > penalties.get(token, 0.0) and self._is_way(token):
                    penalties[token] = amount
        return penalties

    def _most(self, word: str, *, in_this_string: bool) -> float:
        """What a word may cost here with which a phrase of this string, or of another one, goes on."""
        if self._dense and len(word) < FEWEST_DENSE and is_dense(word):
            return 0.0
        if word in self._known:
            return NAME_PENALTY if in_this_string else 0.0
        return MAX_PENALTY

    def _after(self, end: int) -> tuple[str, First]:
        """The word after one."""
        if end + 1 < len(self._words):
            return self._words[end + 1], self._firsts[end + 1]
        return self._open, self._open_first

    def _is_way(self, token: int) -> bool:
        """Whether a word would begin with the token here; one that is glued to the last one ("deservice") does, too."""
        first = (runs_of(self._bytes_of(token)) or (_NO_RUN,))[0]
        return not (self._open and goes_on(first)) or len(first.text) >= FEWEST_GLUED


@cache
def penalty(repeated_words: int) -> float:
    """Of the word that would go on with a phrase of so many, at least `FREE_WORDS`."""
    if repeated_words <= WORDS_OF_A_NAME:
        return float(min(NAME_PENALTY, FIRST_PENALTY * GROWTH ** (repeated_words - FREE_WORDS)))
    beyond = min(repeated_words - WORDS_OF_A_NAME, WORDS_OF_A_NAME)  # no power of thousands
    return float(min(MAX_PENALTY, NAME_PENALTY * GROWTH**beyond))
