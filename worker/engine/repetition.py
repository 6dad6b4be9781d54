"""Discourages what a text has said already: the DRY rule ("don't repeat yourself", p-e-w, 2024), within string values.

A token that would continue a repeated phrase is made less likely, exponentially with the phrase's length. Short phrases
stay free, a name or a look of some words that comes again costs little, JSON's own structure is never counted, and a
text alone decides its penalties: neither its neighbours in the batch nor a resume change them. Small models otherwise
write the same scene again and again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FREE_TOKENS = 5  # a phrase of so many tokens may be said again
FIRST_PENALTY = 0.8  # taken from the score of the token after it
GROWTH = 1.7  # of the penalty, with each further token
NAME_TOKENS = 13  # "a little girl in a red raincoat": as long a phrase may be meant to come again, in every scene
NAME_PENALTY = 3.9  # up to there, at most: of how a name goes on a model is surer than that, and spells it right
MAX_PENALTY = 13.0  # of a sentence that is said again

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
            follower = int(self._tokens[end + 1])
            if follower != _BREAK:
                penalties[follower] = max(penalties.get(follower, 0.0), penalty(int(self._common[end])))
        return penalties


def penalty(repeated_tokens: int) -> float:
    """Of the token that would go on with a phrase of so many, at least `FREE_TOKENS`."""
    if repeated_tokens <= NAME_TOKENS:
        return float(min(NAME_PENALTY, FIRST_PENALTY * GROWTH ** (repeated_tokens - FREE_TOKENS)))
    beyond = min(repeated_tokens - NAME_TOKENS, NAME_TOKENS)  # no power of thousands
    return float(min(MAX_PENALTY, NAME_PENALTY * GROWTH**beyond))
