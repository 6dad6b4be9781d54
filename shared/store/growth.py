"""When a pool of connections makes another one: one for each who waits, and none soon after a failure while others are
open. Knows counts and faults; no connection.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.exceptions import MaxConnectionsError

AGAIN_S = 1.0  # after one could not be made, and others are open


class Growth:
    """When a pool makes another connection, and what it has to say when none came. Its user holds the pool's lock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.waiting = 0  # for a connection
        self._making = 0
        self._fault: Exception | None = None  # of the last one, if it could not be made
        self._not_before_s = 0.0

    @contextmanager
    def one_waits(self) -> Iterator[None]:
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def wanted(self, busy: int) -> bool:
        """Whether to make one more now, which then is being made: one for each who waits, as far as there may be more
        and, where others are open, the last failure is not just over."""
        alone = not busy and not self._making
        room = busy + self._making < self._most
        if not room or self._making >= self.waiting or not (alone or time.monotonic() >= self._not_before_s):
            return False
        self._making += 1
        return True

    def failed(self, error: Exception) -> None:
        self._fault, self._not_before_s = error, time.monotonic() + AGAIN_S

    def made(self, connection: object | None) -> None:
        """It was made, or failed before."""
        self._making -= 1
        if connection:
            self._fault, self._not_before_s = None, 0.0

    def hopeless(self, busy: int) -> bool:
        """None is open, and none is being made."""
        return bool(self._fault) and not busy and not self._making

    def in_vain(self, busy: int) -> Exception:
        if self._fault:
            return self._fault
        if busy >= self._most:
            return MaxConnectionsError("no connection was free in time")
        return redis.TimeoutError("no connection could be made in time")
