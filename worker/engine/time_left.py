"""How many tokens a text may still sample before its time is up, by its own speed. Knows a clock; no text, no grammar.

A budget of time is one of tokens so: what closes a text whose tokens run out closes one whose time does.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise

Clock = Callable[[], float]

LOOKED = 4  # tokens, after which the clock is looked at: that makes it cost a step next to nothing
SPANS = 6  # of so many tokens, the last ones, tell the speed: a row gets slower when others join it
FEWEST_SPANS = 2
LAST_TOKENS = 4  # that would have been written by then: the steps under way, and what is done with the text after them


class TimeLeft:
    """Of a text that is to be closed `until`, a time of the clock in seconds. `tokens_left` is infinite before the
    text's speed is known, and below 0 when it is too late."""

    def __init__(self, until: float = math.inf, clock: Clock = time.monotonic) -> None:
        self.tokens_left = math.inf
        self._until = until
        self._clock = clock
        self._at: deque[float] = deque(maxlen=SPANS + 1)
        self._noted = LOOKED - 1  # the time before the first token is no speed

    def note(self) -> None:
        """One more token was sampled."""
        self.tokens_left -= 1
        self._noted += 1
        if self._noted == LOOKED:
            self._noted = 0
            self._look()

    def _look(self) -> None:
        """The longest span is left out: another's prompt, or a process that was stopped, comes once."""
        now = self._clock()
        self._at.append(now)
        if len(self._at) > FEWEST_SPANS:
            spans = sorted(late - early for early, late in pairwise(self._at))[:-1]
            token_s = max(sum(spans) / len(spans) / LOOKED, 1e-9)
            self.tokens_left = (self._until - now) / token_s - LAST_TOKENS
