"""When a failed try is worth another. News of a running job is tried once; how a job ended, for about a day."""

from __future__ import annotations

from collections.abc import Callable

MINUTE, HOUR = 60, 3600
DELAYS_S = (5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 8 * HOUR)
JITTER = 0.2  # up to so much more, so that what failed together does not come back together
_MAX_RETRY_AFTER_S = HOUR


def next_try_s(final: bool, tries: int, retry_after_s: float | None, random: Callable[[], float]) -> float | None:
    """Seconds until the next try, after so many that failed; None: that was the last. A receiver may ask for more
    time than the schedule gives, up to an hour, and never for less."""
    if not final or tries > len(DELAYS_S):
        return None
    return max(DELAYS_S[tries - 1], min(retry_after_s or 0, _MAX_RETRY_AFTER_S)) * (1 + JITTER * random())
