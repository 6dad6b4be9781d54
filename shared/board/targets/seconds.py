"""The seconds that a shot may last where a request names one target alone, which makes only certain ones.

With several targets the shots last as long as they would without; what one of them does not make is told (fit.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from scriptqueue.schemas import JobRequest
from shared.board.targets.table import TARGETS


def shot_seconds(request: JobRequest) -> tuple[int, ...]:
    """Evenly apart, the shortest a multiple of the steps between them; empty: any within the scene limits."""
    if len(request.targets) != 1:
        return ()
    made = TARGETS[request.targets[0]].limits.shot_s
    return tuple(second for second in made if request.scene_min_s <= second <= request.scene_max_s)


def step_of(seconds: Sequence[int]) -> int:
    return seconds[1] - seconds[0] if len(seconds) > 1 else seconds[0]


def counts(total_s: float, least: int, most: int, seconds: Sequence[int]) -> list[int]:
    """How many shots of these seconds can last so long together, from `least` to `most`."""
    return [
        count
        for count in range(least, most + 1)
        if count * seconds[0] <= total_s <= count * seconds[-1]
        and (total_s - count * seconds[0]) % step_of(seconds) == 0
    ]


def spread_over(total_s: float, count: int, seconds: Sequence[int]) -> tuple[int, ...]:
    """`count` of these seconds that sum to a total which they can reach: equal ones, what remains a step at a time to
    the first."""
    step = step_of(seconds)
    each, rest = divmod((int(total_s) - count * seconds[0]) // step, count)
    return tuple(seconds[0] + step * (each + (index < rest)) for index in range(count))


def nearest(wanted_s: float, seconds: Sequence[int]) -> int:
    """The longer of two that are as near."""
    return min(seconds, key=lambda second: (abs(second - wanted_s), -second))


def listed_seconds(seconds: Sequence[int]) -> str:
    """As a sentence has them: `4, 6 or 8 s`, `4 to 15 whole s`."""
    if len(seconds) > 2 and step_of(seconds) == 1:
        return f"{seconds[0]} to {seconds[-1]} whole s"
    return f"{', '.join(map(str, seconds[:-1]))}{' or ' if len(seconds) > 1 else ''}{seconds[-1]} s"
