"""A finished script as the shots that say it: its words in order, none added or lost, and how long each shot lasts.

Knows a request's limits; not who writes what is seen. Nothing is said faster than shared/board/speaking.py has it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from typing import Any, NamedTuple

from scriptqueue.schemas import MAX_SCENE_S, MAX_SCENES, JobRequest
from shared.board.kept import kept_board
from shared.board.packing import Cuts, Packer
from shared.board.script_pieces import ScriptPiece, script_pieces
from shared.board.speaking import seconds_to_say
from shared.board.targets.seconds import counts, listed_seconds, shot_seconds, step_of

COMFORTABLE_SHOT_S = 5  # as COMFORTABLE_SCENE_S, of what is said in it
_NEAR = 0.3  # share by which the number of shots may be off the wanted one where others suit the script better
_TRIED = 6  # numbers of shots that are looked at closely
_STEPS_S = (1, 0.1, 0.01)  # in which a target is shared out: whole seconds where they suffice
_ENOUGH = 1e-9  # sums of fractions


@dataclass(frozen=True)
class ScriptShot:
    """`words` of the script, empty in a shot that nothing is left for."""

    words: str
    duration_s: float

    @property
    def given(self) -> dict[str, Any]:
        """The fields of the scene that nobody writes. A line with its speaker would stand here as well."""
        return {"narration": self.words}


class Unsayable(NamedTuple):
    """Why no shots within the limits can say a script: the field at fault, a code, and words."""

    field: str
    code: str
    words: str


@dataclass(frozen=True)
class ShotLimits:
    least: int
    most: int
    seconds: tuple[int, ...]  # that a shot may last, evenly apart
    are_only: bool = False  # no others: a video model makes these
    total_s: float | None = None

    @property
    def comfortable_s(self) -> float:
        return min(max(COMFORTABLE_SHOT_S, self.seconds[0]), self.seconds[-1])

    @property
    def step_s(self) -> float:
        return step_of(self.seconds)


def script_shots(request: JobRequest) -> tuple[ScriptShot, ...] | None:
    """None unless the request is to break its prompt down. Raises ValueError where `unsayable` tells why not."""
    if request.mode != "break_down":
        return None
    if base := kept_board(request):  # which was broken down: each shot has its words
        usual_s = _limits(request).comfortable_s
        known = (scene or {"duration": usual_s} for scene in base.scenes)
        return tuple(ScriptShot(scene.get("narration", ""), scene["duration"]) for scene in known)
    shots = shots_of(request.prompt, limits_of_shots(request))
    if isinstance(shots, Unsayable):
        raise ValueError(shots.words)
    return shots


def given_fields(request: JobRequest) -> frozenset[str]:
    """Names of the texts that nobody writes, for the script says them."""
    return frozenset(ScriptShot("", 0).given) if request.mode == "break_down" else frozenset()


def unsayable(request: JobRequest) -> Unsayable | None:
    """Why its limits cannot hold its script; None: they can, or it has none that is still to be broken down."""
    if request.mode != "break_down" or request.base:
        return None
    shots = shots_of(request.prompt, limits_of_shots(request))
    return shots if isinstance(shots, Unsayable) else None


def with_shots_counted(request: JobRequest) -> JobRequest:
    """With the limits that it leaves out as its script needs them; the same unless it breaks a script down."""
    shots = None if request.base else script_shots(request)
    if not shots:
        return request
    needed = dict.fromkeys({"min_scenes", "max_scenes"} - request.model_fields_set, len(shots))
    longest_s = limits_of_shots(request).seconds[-1]
    if longest_s > request.scene_max_s:
        needed["scene_max_s"] = longest_s
    return request.model_copy(update=needed) if needed else request


def limits_of_shots(request: JobRequest) -> ShotLimits:
    """What is left out bounds nothing: then a shot may last as much longer than usual as the script needs."""
    limits = _limits(request)
    if "scene_max_s" in request.model_fields_set or _has_room(request.prompt, limits):
        return limits

    def lasting(longest_s: int) -> ShotLimits:
        return _limits(request.model_copy(update={"scene_max_s": longest_s}))

    longer = range(request.scene_max_s + 1, MAX_SCENE_S)
    return lasting(_first(longer, lambda longest_s: _has_room(request.prompt, lasting(longest_s))) or MAX_SCENE_S)


def _limits(request: JobRequest) -> ShotLimits:
    given, made = request.model_fields_set, shot_seconds(request)
    return ShotLimits(
        request.min_scenes if "min_scenes" in given else 1,
        request.max_scenes if "max_scenes" in given else MAX_SCENES,
        made or tuple(range(request.scene_min_s, request.scene_max_s + 1)),
        bool(made),
        request.target_duration_s,
    )


def _first(seconds: range, suffices: Callable[[int], bool]) -> int | None:
    """Of seconds that all suffice from some of them on."""
    found = bisect_left(seconds, True, key=suffices)
    return seconds[found] if found < len(seconds) else None


def _has_room(script: str, limits: ShotLimits) -> bool:
    longest_s = limits.seconds[-1]
    return _fewest(script, longest_s) <= limits.most and (limits.total_s or 0) <= limits.most * longest_s


@lru_cache(maxsize=512)
def _fewest(script: str, longest_s: int) -> float:
    """Shots that say the script; no number of them does where a part of it that stays whole takes longer than one."""
    pieces = script_pieces(script)
    if any(piece.seconds > longest_s + _ENOUGH for piece in pieces):
        return math.inf
    return _packer(pieces, longest_s).fewest()


def _packer(pieces: Sequence[ScriptPiece], longest_s: float) -> Packer:
    return Packer([piece.seconds for piece in pieces], [piece.cost for piece in pieces], longest_s)


@lru_cache(maxsize=64)
def shots_of(script: str, limits: ShotLimits) -> tuple[ScriptShot, ...] | Unsayable:
    pieces = script_pieces(script)
    if not pieces:
        return Unsayable("prompt", "no_words", "holds no words that could be said")
    packer = _packer(pieces, limits.seconds[-1])
    if _fewest(script, limits.seconds[-1]) > limits.most or packer.total > (limits.total_s or math.inf) + _ENOUGH:
        return _too_long(script, packer.total, limits)
    if limits.total_s is None:
        return _timed(_texts(pieces, _cuts(packer, limits), limits.least), limits)
    able = _able(limits.total_s, limits)
    if not able:
        return _unreachable(limits.total_s, limits)
    for near in _candidates(packer, able, limits.total_s, limits.total_s / limits.comfortable_s):
        texts = [_texts(pieces, cuts, count) for count, cuts in near]
        for step, each in product((limits.step_s,) if limits.are_only else _STEPS_S, texts):
            if shots := _summing_up(each, limits.total_s, step, limits):
                return shots
    return _too_long(script, packer.total, limits)


def _candidates(packer: Packer, able: Sequence[int], total_s: float, wanted: float) -> Iterator[list[tuple[int, Cuts]]]:
    """Numbers of shots with their cuts: those near the wanted one, the best first, then the others one by one."""
    enough = [count for count in able if count >= packer.fewest()]
    off = {count: abs(count - wanted) / wanted for count in enough}
    near = [count for count in enough if off[count] <= _NEAR]
    near = near[:: max(1, len(near) // _TRIED)]
    cut = {count: packer.exactly(min(count, packer.count), total_s / count) for count in near}
    yield [(count, cut[count][0]) for count in sorted(near, key=lambda n: (cut[n][1] + n * off[n] ** 2, n))]
    for count in sorted(set(enough) - set(near), key=lambda count: off[count]):
        yield [(count, packer.exactly(min(count, packer.count), total_s / count)[0])]


def _cuts(packer: Packer, limits: ShotLimits) -> Cuts:
    """As many as go best; a number that is out of the limits moves to the nearest of them."""
    cuts = packer.freely(limits.comfortable_s)
    count = min(max(len(cuts), limits.least, packer.fewest()), limits.most)
    return cuts if count == len(cuts) else packer.exactly(min(count, packer.count), limits.seconds[0])[0]


def _texts(pieces: Sequence[ScriptPiece], cuts: Cuts, least: int) -> list[str]:
    """What is lacking to the fewest shots is silent."""
    texts = ["".join(piece.text for piece in pieces[start:end]).strip() for start, end in pairwise((0, *cuts))]
    return texts + [""] * (least - len(texts))


def _timed(texts: Sequence[str], limits: ShotLimits) -> tuple[ScriptShot, ...]:
    """Each as short as its words allow."""
    return tuple(ScriptShot(text, _least_s(seconds_to_say(text), limits)) for text in texts)


def _least_s(spoken_s: float, limits: ShotLimits) -> int:
    return next((second for second in limits.seconds if second >= spoken_s - _ENOUGH), limits.seconds[-1])


def _summing_up(texts: Sequence[str], total_s: float, step: float, limits: ShotLimits) -> tuple[ScriptShot, ...] | None:
    """As long together as the target, in steps of seconds. None: they take longer than it."""
    spoken = [seconds_to_say(text) for text in texts]
    least = [_least_s(each, limits) if step >= 1 else _rounded_up(each, step, limits.seconds[0]) for each in spoken]
    if math.fsum(least) > total_s + _ENOUGH:
        return None
    seconds = _shared_out(least, spoken, total_s, step, limits.seconds[-1])
    return tuple(ScriptShot(text, _plain(each)) for text, each in zip(texts, seconds, strict=True))


def _rounded_up(spoken_s: float, step: float, shortest_s: float) -> float:
    return max(shortest_s, round(math.ceil((spoken_s - _ENOUGH) / step) * step, 2))


def _shared_out(
    least: Sequence[float], spoken: Sequence[float], total_s: float, step: float, longest_s: float
) -> list[float]:
    """What is left goes a step at a time to the shot whose words are closest, and less than one where it has room."""
    seconds = [*least]
    for _ in range(int((total_s - math.fsum(least)) / step + _ENOUGH)):
        able = [index for index, each in enumerate(seconds) if each + step <= longest_s + _ENOUGH]
        if not able:
            break
        closest = max(able, key=lambda index: ((spoken[index] + 1) / seconds[index], -index))
        seconds[closest] = round(seconds[closest] + step, 2)
    for index in reversed(range(len(seconds))):
        seconds[index] += min(total_s - math.fsum(seconds), longest_s - seconds[index])
    return seconds


def _plain(seconds: float) -> float:
    return int(seconds) if seconds == int(seconds) else seconds


def _able(total_s: float, limits: ShotLimits) -> list[int]:
    """How many shots can last so long together."""
    if limits.are_only:
        return counts(total_s, limits.least, limits.most, limits.seconds)
    least = max(limits.least, math.ceil(total_s / limits.seconds[-1]))
    return [*range(least, min(limits.most, math.floor(total_s / limits.seconds[0])) + 1)]


def _too_long(script: str, total_s: float, limits: ShotLimits) -> Unsayable:
    """With the seconds that it needs, and what would do."""
    takes, longest_s = f"takes {math.ceil(total_s - _ENOUGH)} s to say", limits.seconds[-1]
    needed = _fewest(script, longest_s)
    scenes = f"{limits.most} scenes of at most {longest_s} s"
    if needed <= limits.most:
        words = f"{takes}, and target_duration_s is {limits.total_s:g}"
    elif able := _longer(script, needed, limits):
        words = f"{takes}; {scenes} cannot hold it, {', '.join(able)}"
    elif math.isinf(needed):
        words = f"{takes}, and some of it, which cannot be cut, more than the {longest_s} s of a scene"
    else:
        fit = int(len(script) * min(1, limits.most * longest_s / total_s))
        words = f"{takes}; {scenes} hold about {fit} of its {len(script)} characters"
    return Unsayable("prompt", "script_too_long", words)


def _longer(script: str, needed: float, limits: ShotLimits) -> list[str]:
    """Limits under which its shots could say the script."""
    able = [f"{needed} can (max_scenes)"] if needed <= MAX_SCENES else []
    others = range(limits.seconds[-1] + 1, 1 if limits.are_only else MAX_SCENE_S + 1)
    enough_s = _first(others, lambda longest_s: _fewest(script, longest_s) <= limits.most)
    return [*able, f"scenes of {enough_s} s can (scene_max_s)"] if enough_s else able


def _unreachable(total_s: float, limits: ShotLimits) -> Unsayable:
    each = listed_seconds(limits.seconds) if limits.are_only else f"{limits.seconds[0]} to {limits.seconds[-1]} s"
    words = f"{limits.least} to {limits.most} scenes of {each} cannot last {total_s:g} s"
    return Unsayable("target_duration_s", "unreachable_duration", words)
