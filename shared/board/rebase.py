"""A request that starts from a board, made whole: what it leaves out is its base's, and its scenes are found valid.

Where a board stays as it is, whatever validation would have to mend is a fault. Knows no store and no HTTP: where a
fault stands is told as the steps to it in the request.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from scriptqueue.further_fields import fields_named
from scriptqueue.scene_fields import written
from scriptqueue.schemas import (
    DECIDING_LATER,
    MAX_SCENES,
    Base,
    FieldName,
    JobRequest,
    Storyboard,
    TargetName,
    scene_counts,
)
from shared.board.break_down import script_shots
from shared.board.kept import KeptBoard, kept_board
from shared.board.repeats import repeats
from shared.board.scenes import assemble
from shared.board.targets.fit import misfits
from shared.board.targets.seconds import counts, shot_seconds
from shared.board.timing import seconds_left
from shared.board.validate import validate
from shared.errors import OutputInvalid
from shared.repair_codes import ONLY_TELL, coded, place_of

COMPUTED_OF_SCENE = frozenset({"scene_number", "video_prompt", "prompts"})
_OF_ONE_JOB = {"base", "rewrite", "note", "outline"}
INHERITED = ("prompt", "language", "quality_keywords", *(name for name in DECIDING_LATER if name not in _OF_ONE_JOB))
_OF_BOARD = ("characters", "style", "aspect_ratio")
_BOARD = ("base", "storyboard")


class BoardFault(NamedTuple):
    """The steps to where it stands, a code, and words."""

    at: tuple[str | int, ...]
    code: str
    words: str


@dataclass(frozen=True)
class Origin:
    """The job that a base names."""

    request: JobRequest
    board: Storyboard


class Rebased(NamedTuple):
    """The values of a whole request, and the names of those that are the given board's."""

    values: dict[str, Any]
    of_board: Collection[str]


def rebased(value: Mapping[str, Any], base: Base, origin: Origin | None) -> Rebased | list[BoardFault]:
    """A request's values as they were sent, with what it leaves out from its base, and the scenes in which it writes as
    its `rewrite`; or why there are none. `origin` is there where the base names a job."""
    board: Mapping[str, Any]
    board = origin.board.model_dump(mode="json") if origin and base.storyboard is None else base.storyboard or {}
    if faults := _malformed(board):
        return faults
    listed: Any = board["scenes"]
    scenes = [scene and {name: v for name, v in scene.items() if name not in COMPUTED_OF_SCENE} for scene in listed]
    holes = _holes(value.get("rewrite", []), scenes)
    if isinstance(holes, BoardFault):
        return [holes]
    scenes += [None] * (len(set(holes) - {*range(1, len(scenes) + 1)}))
    if fault := _out_of_count(value, len(scenes)):
        return [fault]
    of_board = board_values(board, scenes, is_alone=origin is None)
    inherited = origin.request.model_dump(mode="json", include=set(INHERITED)) if origin else {}
    fields = {*inherited.get("fields", ()), *of_board.get("fields", ())}
    own = {
        "base": {"job": base.job, "storyboard": {"title": board.get("title"), "scenes": scenes}},
        "rewrite": holes,
        "min_scenes": len(scenes),
        "max_scenes": len(scenes),
    }
    return Rebased({**inherited, **of_board, "fields": [*fields], **value, **own}, of_board.keys() - value.keys())


def board_values(board: Mapping[str, Any], scenes: Sequence[Any], *, is_alone: bool) -> dict[str, Any]:
    """What a board says of the request that would write it; where it `is_alone`, all that it can say."""
    known = [scene for scene in scenes if isinstance(scene, dict)]
    values = {name: board[name] for name in _OF_BOARD if board.get(name) not in (None, [], ())}
    used = {name for scene in known for name, value in scene.items() if value is not None}
    values["fields"] = [name for name in get_args(FieldName) if name in used]
    if "characters" in board and "characters" not in values["fields"] and "dialogue" in used:
        values["fields"].append("characters")
    if is_alone:
        prompts = [scene.get("prompts") for scene in board.get("scenes", ()) if isinstance(scene, dict)]
        named = {name for one in prompts if isinstance(one, dict) for name in one}
        values["targets"] = [name for name in get_args(TargetName) if name in named]
        values |= {"language": board["language"]} if board.get("language") is not None else {}
        values["prompt"] = board.get("title")
    return values


def standing(request: JobRequest) -> JobRequest | list[BoardFault]:
    """The request with the scenes of its board as they stay; or what is wrong with them, and with the seconds that they
    leave to a target."""
    assert request.base is not None
    assert request.base.storyboard is not None
    given: Any = request.base.storyboard
    places = [place for place, scene in enumerate(given["scenes"]) if scene]
    scenes: list[Any] = [None] * len(given["scenes"])
    if places:
        raw = {"title": given["title"], "scenes": [given["scenes"][place] for place in places]}
        found = _unmended(raw, request, places)
        if not isinstance(found, Storyboard):
            return found
        names = {field.name for field in written(fields_named(request.fields))}
        for place, scene in zip(places, found.scenes, strict=True):
            scenes[place] = scene.model_dump(mode="json", include=names)
    elif not (isinstance(given["title"], str) and given["title"].strip()):
        return [BoardFault((*_BOARD, "title"), "blank", "must not be blank")]
    base = request.base.model_copy(update={"storyboard": {"title": given["title"], "scenes": scenes}})
    whole = request.model_copy(update={"base": base})
    board = kept_board(whole)
    assert board is not None
    fault = _unreachable(whole, board)
    return [fault] if fault else whole


def edited(request: JobRequest) -> tuple[Storyboard, list[str]]:
    """The board of a request that has nothing to write, and what a reader may want to change of it."""
    base = kept_board(request)
    assert base is not None
    fields = fields_named(request.fields)
    board = assemble(base.title, base.around([]), request, fields, request.characters)
    return board, [*repeats(board), *misfits(board)]


def _malformed(board: Mapping[str, Any]) -> list[BoardFault]:
    """Why it is no board at all."""
    scenes = board.get("scenes")
    if unknown := sorted(board.keys() - Storyboard.model_fields.keys()):
        return [BoardFault((*_BOARD, name), "extra_forbidden", "no such field") for name in unknown]
    if not isinstance(scenes, list) or not scenes:
        return [BoardFault((*_BOARD, "scenes"), "no_scenes", "must be a list of at least one scene")]
    if len(scenes) > MAX_SCENES:
        return [BoardFault((*_BOARD, "scenes"), "too_long", f"must hold at most {MAX_SCENES} scenes")]
    return [
        BoardFault((*_BOARD, "scenes", place), "no_scene", "must be a scene, or null where one is to be written")
        for place, scene in enumerate(scenes)
        if scene is not None and not (isinstance(scene, dict) and scene)
    ]


def _holes(numbers: Any, scenes: Sequence[Any]) -> Any:
    """The numbers of all scenes that are to be written. What is no list of numbers is left to the request's shape."""
    if not (isinstance(numbers, (list, tuple)) and all(type(number) is int for number in numbers)):
        return numbers
    missing = [number for number in sorted({*numbers}) if number > len(scenes)]
    if missing and missing != [*range(len(scenes) + 1, len(scenes) + len(missing) + 1)]:
        words = f"the board has {len(scenes)} scenes: {len(scenes) + 1} would be the next, not {missing[-1]}"
        return BoardFault(("rewrite",), "scene_gap", words)
    return sorted([*numbers, *({place for place, scene in enumerate(scenes, 1) if scene is None} - {*numbers})])


def _out_of_count(value: Mapping[str, Any], count: int) -> BoardFault | None:
    if count > MAX_SCENES:
        return BoardFault(("rewrite",), "too_long", f"a board has at most {MAX_SCENES} scenes")
    least, most = value.get("min_scenes"), value.get("max_scenes")
    if isinstance(least, int) and least > count:
        return BoardFault(("min_scenes",), "scene_limits", f"the board has {count} scenes; leave it out")
    if isinstance(most, int) and most < count:
        return BoardFault(("max_scenes",), "scene_limits", f"the board has {count} scenes; leave it out")
    return None


def _unmended(raw: dict[str, Any], request: JobRequest, places: Sequence[int]) -> Storyboard | list[BoardFault]:
    """The board of the scenes that are there, if it needs no mending."""
    assert request.base is not None
    as_it_is = {"mode": "write", "rewrite": (), "note": None, "target_duration_s": None, "min_scenes": 1}
    alone = request.model_copy(update={**as_it_is, "base": request.base.model_copy(update={"storyboard": None})})
    try:
        board, repairs = validate(raw, alone, (), fields_named(request.fields))
    except OutputInvalid as error:
        return [BoardFault((*_BOARD, "scenes"), error.code, error.detail)]
    faults = []
    for repair in repairs:
        if coded(repair).code not in ONLY_TELL:
            scene, field = place_of(repair)
            of_scene = () if scene is None else ("scenes", places[scene - 1])
            faults.append(BoardFault((*_BOARD, *of_scene, *filter(None, (field,))), coded(repair).code, repair))
    return faults or board


def _unreachable(request: JobRequest, board: KeptBoard) -> BoardFault | None:
    """Why what is to be written cannot last as long as the target leaves."""
    target_s = request.target_duration_s
    if target_s is None:
        return None
    if shots := script_shots(request):
        whole_s = math.fsum(shot.duration_s for shot in shots)
        words = f"the script's shots last {whole_s:g} s"
        return (
            None
            if abs(whole_s - target_s) < 1e-6
            else BoardFault(("target_duration_s",), "unreachable_duration", words)
        )
    left_s, count = seconds_left(board, target_s), len(board.holes)
    limits, made = (request.scene_min_s, request.scene_max_s), shot_seconds(request)
    able: Any = counts(left_s, count, count, made) if made else scene_counts(left_s, (count, count), limits)
    if able if count else abs(left_s) < 1e-6:
        return None
    words = f"the scenes that stay last {target_s - left_s:g} s, and {count} that are written cannot last {left_s:g} s"
    return BoardFault(("target_duration_s",), "unreachable_duration", words)
