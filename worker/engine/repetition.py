"""Discourages what a text has said already: the DRY rule ("don't repeat yourself", p-e-w, 2024), within string values.

A token that would continue a repeated phrase is made less likely, exponentially with the phrase's length. Short phrases
stay free, a name or a look of some words that comes again costs little, JSON's own structure is never counted, and a
text alone decides its penalties: neither its neighbours in the batch nor a resume change them. Small models otherwise
write the same scene again and again.
"""

from __future__ import annotations

FREE_TOKENS = 5  # a phrase of so many tokens may be said again
FIRST_PENALTY = 0.8  # taken from the score of the token after it
GROWTH = 1.7  # of the penalty, with each further token
NAME_TOKENS = 13  # "a little girl in a red raincoat": as long a phrase may be meant to come again, in every scene
NAME_PENALTY = 3.9  # up to there, at most: of how a name goes on a model is surer than that, and spells it right
MAX_PENALTY = 13.0  # of a sentence that is said again

_BREAK = -1


class Repetition:
    """The phrases of one text. A token costs what it repeats, not what was written before."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._phrase_tokens = 0  # since the last break
        self._ends: dict[tuple[int, ...], list[int]] = {}  # of each phrase of `FREE_TOKENS`: where it ended
        self._repeated: dict[int, int] = {}  # where a phrase ended that the text ends with now: tokens in common

    def note(self, token: int | None) -> None:
        """A token of a string value was written; None: something else was, and a phrase ends here."""
        before, self._repeated = self._repeated, {}
        if token is None:
            if self._phrase_tokens:
                self._tokens.append(_BREAK)
            self._phrase_tokens = 0
            return
        self._tokens.append(token)
        self._phrase_tokens += 1
        if self._phrase_tokens >= FREE_TOKENS:
            ends = self._ends.setdefault(tuple(self._tokens[-FREE_TOKENS:]), [])
            # Where one token less was in common than a phrase needs, it was no phrase before.
            self._repeated = {end: before.get(end - 1, FREE_TOKENS - 1) + 1 for end in ends}
            ends.append(len(self._tokens) - 1)

    def penalties(self) -> dict[int, float]:
        """What to take from the scores of the tokens that would go on repeating."""
        penalties: dict[int, float] = {}
        for end, common in self._repeated.items():
            follower = self._tokens[end + 1]
            if follower != _BREAK:
                penalties[follower] = max(penalties.get(follower, 0.0), penalty(common))
        return penalties


def penalty(repeated_tokens: int) -> float:
    """Of the token that would go on with a phrase of so many, at least `FREE_TOKENS`."""
    if repeated_tokens <= NAME_TOKENS:
        return float(min(NAME_PENALTY, FIRST_PENALTY * GROWTH ** (repeated_tokens - FREE_TOKENS)))
    beyond = min(repeated_tokens - NAME_TOKENS, NAME_TOKENS)  # no power of thousands
    return float(min(MAX_PENALTY, NAME_PENALTY * GROWTH**beyond))
