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

NEWEST = 32  # tokens that tell the speed: a row gets slower when others join it
LOOKED = 8  # tokens, after which the speed is told anew; that makes it cost a step next to nothing
STALLS = 2  # the longest intervals, left out: another's prompt, or a process that was stopped, comes once
LAST_TOKENS = 4  # that would have been written by then: the steps under way, and what is done with the text after them


class TimeLeft:
    """Of a text that is to be closed `until`, a time of the clock in seconds."""

    def __init__(self, until: float = math.inf, clock: Clock = time.monotonic) -> None:
        self._until = until
        self._clock = clock
        self._at: deque[float] = deque(maxlen=NEWEST + 1)
        self._noted = 0
        self._token_s = 0.0  # 0: not known yet

    def note(self) -> None:
        """One more token was sampled."""
        self._at.append(self._clock())
        self._noted += 1
        if self._noted > LOOKED and self._noted % LOOKED == 1:
            intervals = sorted(late - early for early, late in pairwise(self._at))[:-STALLS]
            self._token_s = sum(intervals) / len(intervals)

    @property
    def tokens_left(self) -> float:
        """Infinite before the text's speed is known; below 0 when it is too late."""
        if not self._token_s:
            return math.inf
        return (self._until - self._clock()) / self._token_s - LAST_TOKENS
