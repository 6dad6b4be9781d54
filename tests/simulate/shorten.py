"""A history that breaks a promise, made as short as single changes lead to. Knows no world: only whether one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.simulate.history import Step


def shortened(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """A history that still fails, with as few steps and as small numbers as single changes lead to."""
    kept, size = list(steps), max(1, len(steps) // 2)
    while size:
        begin = 0
        while begin < len(kept):
            shorter = kept[:begin] + kept[begin + size :]
            if fails(shorter):
                kept = shorter
            else:
                begin += size
        size //= 2
    for place, step in enumerate(kept):
        for part in (4, 1, 2, 3):
            for value in range(min(4, int(step[part]))):
                smaller = [*kept[:place], _with(kept[place], part, value), *kept[place + 1 :]]
                if fails(smaller):
                    kept = smaller
                    break
    return kept


def _with(step: Step, part: int, value: int) -> Step:
    values: list[Any] = list(step)
    values[part] = value
    return Step(*values)
