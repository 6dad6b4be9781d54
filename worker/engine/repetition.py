"""Discourages what a text has said already: the DRY rule ("don't repeat yourself", p-e-w, 2024), within string values.

A token that would continue a repeated phrase is made less likely, exponentially with the phrase's length. Names and
short phrases stay free, JSON's own structure is never counted, and a text alone decides its penalties: neither its
neighbours in the batch nor a resume change them. Small models otherwise write the same scene again and again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FREE_TOKENS = 5  # a phrase of so many tokens may be said again
FIRST_PENALTY = 0.8  # taken from the score of the token after it
GROWTH = 1.7  # of the penalty, with each further token
MAX_EXCESS = 3  # 0.8 * 1.7 ** 3 = 3.9: a name or a look that comes again is spelt as before, for of it a model is surer

_BREAK = -1
_GROW = 512

Ids = npt.NDArray[np.int64]


class Repetition:
    """The phrases of one text."""

    def __init__(self) -> None:
        self._tokens: Ids = np.full(_GROW, _BREAK, dtype=np.int64)
        self._common: Ids = np.zeros(_GROW, dtype=np.int64)  # [i]: how long the texts up to i and up to now agree
        self._count = 0

    def note(self, token: int | None) -> None:
        """A token of a string value was written; None: something else was, and a phrase ends here."""
        count = self._count
        if count == len(self._tokens):
            self._tokens = np.concatenate([self._tokens, np.full(_GROW, _BREAK, dtype=np.int64)])
            self._common = np.concatenate([self._common, np.zeros(_GROW, dtype=np.int64)])
        common = self._common
        if token is None:
            if count == 0 or self._tokens[count - 1] == _BREAK:
                return
            common[:count] = 0
        else:
            before = np.concatenate(([0], common[: max(count - 1, 0)]))[:count]
            common[:count] = np.where(self._tokens[:count] == token, before + 1, 0)
        self._tokens[count] = _BREAK if token is None else token
        self._count += 1

    def penalties(self) -> dict[int, float]:
        """What to take from the scores of the tokens that would go on repeating."""
        penalties: dict[int, float] = {}
        for end in np.flatnonzero(self._common[: self._count] >= FREE_TOKENS).tolist():
            follower, excess = int(self._tokens[end + 1]), min(int(self._common[end]) - FREE_TOKENS, MAX_EXCESS)
            if follower != _BREAK:
                penalties[follower] = max(penalties.get(follower, 0.0), FIRST_PENALTY * GROWTH**excess)
        return penalties
