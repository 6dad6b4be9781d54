"""How long scenes last: the durations that a target fixes before a word is written. Knows no text."""

from __future__ import annotations

import math

from scriptqueue.schemas import JobRequest, scene_counts
from shared.board.break_down import script_shots
from shared.board.kept import KeptBoard, kept_board
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
    if base := kept_board(request):
        return _around(base, target_s, request)
    wanted = target_s / comfortable_s(request)
    seconds = shot_seconds(request)
    if seconds and (able := counts(target_s, request.min_scenes, request.max_scenes, seconds)):
        return spread_over(target_s, min(able, key=lambda count: abs(count - wanted)), seconds)
    counts_able = scene_counts(
        target_s, (request.min_scenes, request.max_scenes), (request.scene_min_s, request.scene_max_s)
    )
    return spread(target_s, min(max(round(wanted), counts_able[0]), counts_able[-1]), request.scene_max_s)


def _around(base: KeptBoard, target_s: float, request: JobRequest) -> tuple[float, ...]:
    """What the kept scenes leave of the target, shared out among the holes."""
    rest_s, count = seconds_left(base, target_s), len(base.holes)
    seconds = shot_seconds(request)
    made = spread_over(rest_s, count, seconds) if seconds and counts(rest_s, count, count, seconds) else None
    shares = iter(made or (spread(rest_s, count, request.scene_max_s) if count else ()))
    kept = base.kept
    return tuple(kept[place]["duration"] if place in kept else next(shares) for place in range(len(base.scenes)))


def seconds_left(base: KeptBoard, target_s: float) -> float:
    """Of a target for the scenes that are to be written."""
    return target_s - math.fsum(scene["duration"] for scene in base.kept.values())


def usual_seconds(request: JobRequest) -> int:
    """Of a scene whose length nobody said."""
    seconds = shot_seconds(request)
    return nearest(comfortable_s(request), seconds) if seconds else comfortable_s(request)


def comfortable_s(request: JobRequest) -> int:
    """Of a scene, within the request's limits."""
    return min(max(COMFORTABLE_SCENE_S, request.scene_min_s), request.scene_max_s)


def spread(total_s: float, count: int, longest_s: float) -> tuple[float, ...]:
    """`count` durations of at most `longest_s` that sum to `total_s`: equal whole seconds, what remains given one
    second at a time to the first scenes, a fraction to the last."""
    whole, rest = divmod(math.floor(total_s), count)
    seconds: list[float] = [whole + 1 if index < rest else whole for index in range(count)]
    fraction = total_s - math.floor(total_s)
    if fraction:
        seconds[-1] += fraction
    if seconds[-1] > longest_s:  # 8.5 next to a shorter one
        seconds = [total_s / count] * count
    seconds[-1] += total_s - math.fsum(seconds)
    return tuple(int(s) if s == int(s) else s for s in seconds)
