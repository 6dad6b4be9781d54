"""How long scenes last: the durations that a target fixes before a word is written. Knows no text."""

from __future__ import annotations

import math

from scriptqueue.schemas import MAX_SCENE_S, MIN_SCENE_S, JobRequest
from shared.board.break_down import script_shots
from shared.board.targets.seconds import counts, nearest, shot_seconds, spread_over

COMFORTABLE_SCENE_S = 5


def durations(request: JobRequest) -> tuple[float, ...] | None:
    """Each scene's seconds when the request has a target, whole where possible; their sum is the target exactly. Where
    one video model makes only certain seconds, they are its own, unless these cannot sum to the target. Those of a
    script are as long as its words."""
    if shots := script_shots(request):
        return tuple(shot.duration_s for shot in shots)
    target_s = request.target_duration_s
    if target_s is None:
        return None
    wanted = target_s / COMFORTABLE_SCENE_S
    seconds = shot_seconds(request.targets)
    if seconds and (able := counts(target_s, request.min_scenes, request.max_scenes, seconds)):
        return spread_over(target_s, min(able, key=lambda count: abs(count - wanted)), seconds)
    least = max(request.min_scenes, math.ceil(target_s / MAX_SCENE_S))
    most = min(request.max_scenes, math.floor(target_s / MIN_SCENE_S))
    count = min(max(round(wanted), least), most)
    return spread(target_s, count)


def usual_seconds(request: JobRequest) -> int:
    """Of a scene whose length nobody said."""
    seconds = shot_seconds(request.targets)
    return nearest(COMFORTABLE_SCENE_S, seconds) if seconds else COMFORTABLE_SCENE_S


def spread(total_s: float, count: int) -> tuple[float, ...]:
    """`count` durations of 3 to 8 s that sum to `total_s`: equal whole seconds, what remains given one second at a
    time to the first scenes, a fraction to the last."""
    whole, rest = divmod(math.floor(total_s), count)
    seconds: list[float] = [whole + 1 if index < rest else whole for index in range(count)]
    fraction = total_s - math.floor(total_s)
    if fraction:
        seconds[-1] += fraction
    if seconds[-1] > MAX_SCENE_S:  # 8.5 next to a shorter one
        seconds = [total_s / count] * count
    seconds[-1] += total_s - math.fsum(seconds)
    return tuple(int(s) if s == int(s) else s for s in seconds)
