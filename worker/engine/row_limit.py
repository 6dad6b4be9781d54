"""How many rows the device takes, learnt by trying: half as many after it ran out of memory, one more after a calm.

Knows numbers of rows; not what a row is, and not the device.
"""

from __future__ import annotations

CALM_STEPS = 200  # full steps without trouble before one more row is tried: about five texts' worth of rows' prefills
MAX_CALM_STEPS = 6400  # each overflow doubles the wait, so that a device that is truly too small is rarely asked again
HOPELESS = 3  # texts in a row of which not even one alone took a step: it is not the texts


class RowLimit:
    """`rows` may run now, never more than `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows = most
        self._calm_steps = 0
        self._wait_steps = CALM_STEPS // 2
        self._alone_in_vain = 0

    @property
    def hopeless(self) -> bool:
        """Whether nothing fits any more: the device's memory is gone, not taken by these texts."""
        return self._alone_in_vain >= HOPELESS

    def overflowed(self, rows: int) -> None:
        """A step of so many rows did not fit."""
        self._alone_in_vain += rows == 1
        self.rows = max(1, min(rows, self.rows) // 2)
        self._calm_steps = 0
        self._wait_steps = min(2 * self._wait_steps, MAX_CALM_STEPS)

    def fitted(self, rows: int) -> None:
        """A step of so many rows fitted; only one that used all the room says something about a larger one."""
        self._alone_in_vain = 0
        if rows < self.rows or self.rows == self.most:
            return
        self._calm_steps += 1
        if self._calm_steps < self._wait_steps:
            return
        self.rows += 1
        self._calm_steps = 0
        if self.rows == self.most:
            self._wait_steps = CALM_STEPS // 2
