"""Pieces in their order packed into so many parcels, none above a limit: of similar size, and cut where it costs least.

Knows sizes and costs; not what is in a piece. Sizes add up.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

FINENESS = 10  # places to cut that are looked at, in the size of one parcel
BAND = 3  # parcels by which a place may be nearer to the beginning or the end than it would be among equal ones
_WIDEST = 3  # times the wanted size, of a parcel that is thought of
_ENOUGH = 1e-9  # sums of fractions

Cuts = tuple[int, ...]  # where each parcel ends, in pieces


class Packer:
    """Pieces, each with its size above 0 and the cost of a cut after it; no parcel may be larger than `limit`, nor
    begin before the piece that `since` has for its last one; it never falls from piece to piece."""

    def __init__(
        self, sizes: Sequence[float], costs: Sequence[float], limit: float, since: Sequence[int] | None = None
    ) -> None:
        self.count = len(sizes)
        self._since = [0, *(since or [0] * len(sizes))]  # by the end of a parcel, in pieces
        self._ends = [0.0, *accumulate(sizes)]
        self._costs = [*costs[:-1], 0.0]
        self._limit = limit

    @property
    def total(self) -> float:
        return self._ends[-1]

    def fewest(self) -> int:
        """Parcels that are needed."""
        return len(self._filled(self._limit))

    def freely(self, wanted: float) -> Cuts:
        """As many parcels as go best with this size of each."""
        places = self._places(wanted)
        best = [0.0] + [math.inf] * (len(places) - 1)
        before = [0] * len(places)
        for index in range(1, len(places)):
            for earlier, cost in self._parcels(places, index, wanted, wanted):
                if best[earlier] + cost < best[index]:
                    best[index], before[index] = best[earlier] + cost, earlier
        return self._cuts(places, before) if math.isfinite(best[-1]) else self._evenly(self.fewest())

    def exactly(self, count: int, slack: float = 0.0) -> tuple[Cuts, float]:
        """So many parcels, at least the fewest and at most the pieces; and what they cost. A parcel off the mean by
        less than the `slack` is hardly worse."""
        wanted = self.total / count
        scale = max(wanted, slack)
        places = self._places(wanted)
        best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}] + [{} for _ in places[1:]]
        for index in range(1, len(places)):
            middle = self._ends[places[index]] / wanted
            here = best[index]
            for earlier, cost in self._parcels(places, index, wanted, scale):
                for number, (so_far, _) in best[earlier].items():
                    now = so_far + cost
                    if abs(number + 1 - middle) <= BAND and now < here.get(number + 1, (math.inf, 0))[0]:
                        here[number + 1] = now, earlier
        if count not in best[-1]:
            return self._evenly(count), math.inf
        cuts, index = [], len(places) - 1
        for number in range(count, 0, -1):
            cuts.append(places[index])
            index = best[index][number][1]
        return tuple(reversed(cuts)), best[-1][count][0]

    def _places(self, wanted: float) -> list[int]:
        """Where to cut: of those that are close together the cheapest; the beginning and the end."""
        slots: dict[int, int] = {}
        for end in range(1, self.count):
            slot = int(self._ends[end] * FINENESS / wanted)
            if slot not in slots or self._costs[end - 1] < self._costs[slots[slot] - 1]:
                slots[slot] = end
        apart = (end for end in range(1, self.count) if self._since[end + 1] == end)
        return [0, *sorted({*slots.values(), *apart}), self.count]

    def _parcels(self, places: list[int], index: int, wanted: float, scale: float) -> Iterator[tuple[int, float]]:
        """Those that may end at a place: where they begin, and what they cost."""
        end = self._ends[places[index]]
        cut = self._costs[places[index] - 1]
        most = min(self._limit, _WIDEST * scale) + _ENOUGH
        for earlier in range(index - 1, -1, -1):
            size = end - self._ends[places[earlier]]
            if size > most or places[earlier] < self._since[places[index]]:
                return
            yield earlier, ((size - wanted) / scale) ** 2 + cut

    def _cuts(self, places: list[int], before: list[int]) -> Cuts:
        cuts, index = [], len(places) - 1
        while index:
            cuts.append(places[index])
            index = before[index]
        return tuple(reversed(cuts))

    def _evenly(self, count: int) -> Cuts:
        """Cut wherever it may be: the largest parcel as small as can be, then the largest ones cut again."""
        low, high = self.total / count, self._limit
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (low, middle) if len(self._filled(middle)) <= count else (middle, high)
        cuts = self._filled(high)
        while len(cuts) < count:
            spans = ((self._ends[end] - self._ends[start], start, end) for start, end in pairwise((0, *cuts)))
            _, start, end = max(span for span in spans if span[2] - span[1] > 1)
            cuts = sorted((*cuts, self._middle(start, end)))
        return tuple(cuts)

    def _middle(self, start: int, end: int) -> int:
        """Between two places that have another between them."""
        half = (self._ends[start] + self._ends[end]) / 2
        return bisect_left(self._ends, half, start + 1, end - 1)

    def _filled(self, limit: float) -> list[int]:
        """Each parcel as full as can be; a piece above the limit is one of its own."""
        cuts, start = [], 0
        for end in range(1, self.count + 1):
            is_apart = start < self._since[end] or self._ends[end] - self._ends[start] > limit + _ENOUGH
            if is_apart and end - 1 > start:
                cuts.append(end - 1)
                start = end - 1
        return [*cuts, self.count]
