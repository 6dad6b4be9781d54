"""How fast tokens are written: over the last ten seconds. Any thread may read what the engine's thread notes."""

from __future__ import annotations

import time
from collections import deque

WINDOW_S = 10.0


class Rate:
    def __init__(self) -> None:
        self._recent: deque[tuple[float, int]] = deque()

    def note(self, tokens: int) -> None:
        now = time.monotonic()
        self._recent.append((now, tokens))
        while self._recent[0][0] < now - WINDOW_S:
            self._recent.popleft()

    @property
    def tokens_per_s(self) -> float:
        since = time.monotonic() - WINDOW_S
        return round(sum(tokens for at, tokens in list(self._recent) if at >= since) / WINDOW_S, 1)
