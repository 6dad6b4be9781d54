"""Figures of many boards with a 95 % interval. Knows counts and sums; not what they are of.

The units of one board (its scenes, texts and names) fall alike, so they are worth fewer than as many boards would be:
a share's interval is Wilson's with the sample that they are worth (Kish's design effect), a mean's is a bootstrap over
whole boards.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

Z = 1.959963984540054  # of a normal distribution: 95 % lie within
RESAMPLES = 2000
SEED = 7  # the same tallies have the same interval

T = TypeVar("T")


class Tally(NamedTuple):
    """Of one board: `part` of `of` units, a count for a share, a sum for a mean."""

    part: float
    of: int


@dataclass(frozen=True)
class Estimate:
    """`n` units of `boards` boards. Nothing to count has no value."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    boards: int


def share(tallies: Sequence[Tally]) -> Estimate:
    counted = [tally for tally in tallies if tally.of]
    n = sum(tally.of for tally in counted)
    if not n:
        return Estimate(None, None, None, 0, 0)
    value = sum(tally.part for tally in counted) / n
    low, high = wilson(value, effective(counted))
    return Estimate(value, low, high, n, len(counted))


def mean(tallies: Sequence[Tally]) -> Estimate:
    counted = [tally for tally in tallies if tally.of]
    n = sum(tally.of for tally in counted)
    if not n:
        return Estimate(None, None, None, 0, 0)
    resampled = sorted(_ratio(sample) for sample in _samples(counted))
    return Estimate(_ratio(counted), *_middle(resampled), n, len(counted))


def difference(before: Sequence[Tally], after: Sequence[Tally]) -> Estimate:
    """After less before, of the same boards in the same order: what they have in common cancels out."""
    assert len(before) == len(after)
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old.of and new.of]
    if not pairs:
        return Estimate(None, None, None, 0, 0)
    resampled = sorted(_change(sample) for sample in _samples(pairs))
    return Estimate(_change(pairs), *_middle(resampled), sum(new.of for _, new in pairs), len(pairs))


def wilson(value: float, n: float) -> tuple[float, float]:
    """The shares that `value` of a sample of `n` may come from."""
    middle = (value + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(value * (1 - value) / n + Z * Z / (4 * n * n))
    return (max(0.0, middle - half) if value else 0.0), (min(1.0, middle + half) if value < 1 else 1.0)


def effective(tallies: Sequence[Tally]) -> float:
    """How many independent units the boards' units are worth: never more than there are, nor fewer than boards; where
    all fell the same way nothing tells, and a board counts once."""
    boards, n = len(tallies), sum(tally.of for tally in tallies)
    value = sum(tally.part for tally in tallies) / n
    if value in {0, 1} or boards == 1:
        return float(boards)
    between = sum((tally.part - value * tally.of) ** 2 for tally in tallies) * boards / (boards - 1) / n**2
    return max(float(boards), n / max(1.0, between / (value * (1 - value) / n)))


def _ratio(tallies: Sequence[Tally]) -> float:
    return sum(tally.part for tally in tallies) / sum(tally.of for tally in tallies)


def _change(pairs: Sequence[tuple[Tally, Tally]]) -> float:
    return _ratio([new for _, new in pairs]) - _ratio([old for old, _ in pairs])


def _samples(items: Sequence[T]) -> list[list[T]]:
    chance = random.Random(SEED)
    return [chance.choices(items, k=len(items)) for _ in range(RESAMPLES)]


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """Where 95 % of them lie, in order."""
    cut = round(0.025 * len(values))
    return values[cut], values[-1 - cut]
