"""The engine's rows as the jobs of a worker take them. Knows numbers; neither jobs nor the engine.

A job of several candidates takes more rows than one, also such as are not free: its texts wait for them in the engine.
No other job is claimed meanwhile, whose time would run out while it waits behind them.
"""

from __future__ import annotations

from threading import Condition


class Seats:
    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._taken = 0
        self._changed = Condition()

    def take(self, within_s: float) -> bool:
        """One that is free, or becomes so within that time."""
        with self._changed:
            is_free = self._changed.wait_for(lambda: self._taken < self.rows, within_s)
            self._taken += is_free
            return is_free

    def take_more(self, count: int) -> None:
        """Free or not."""
        with self._changed:
            self._taken += count

    def give_back(self, count: int) -> None:
        with self._changed:
            self._taken -= count
            self._changed.notify_all()
