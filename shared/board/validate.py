"""From a raw storyboard to a valid one: mends what can be mended and tells each mend; refuses what cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

from scriptqueue.scene_fields import MAX_TITLE_CHARACTERS, SCENE_FIELDS, Fields, of_kind
from scriptqueue.schemas import JobRequest, Scene, Storyboard
from shared.board.break_down import script_shots
from shared.board.cast import Cast
from shared.board.entry import Entry
from shared.board.kept import KeptBoard, kept_board
from shared.board.reading import NOTHING, Lengths, SceneReading, allowed_lengths
from shared.board.refusal import is_refusal
from shared.board.repeats import repeats
from shared.board.scenes import assemble, values_of
from shared.board.script_shot import ScriptShot, cast_of
from shared.board.targets.fit import misfits
from shared.board.targets.seconds import counts, nearest, shot_seconds, spread_over
from shared.board.text import clean, quoted
from shared.board.timeline import placed_lengths
from shared.board.timing import durations, spread
from shared.board.voices import fit_speech
from shared.errors import OutputInvalid

MAX_ENTRIES = 1000  # of a raw list; far above any storyboard


def validate(
    raw: dict[str, Any],
    request: JobRequest,
    published: Sequence[Scene] = (),
    fields: Fields = SCENE_FIELDS,
    *,
    near: bool = False,
) -> tuple[Storyboard, list[str]]:
    """A valid storyboard that begins with the scenes that are `published`, what was mended for it, its `repeats` (the
    `near` ones too) and its `misfits`; raises `OutputInvalid`. What `parse` had to mend or leave out comes with the raw
    storyboard, as its `repairs`."""
    repairs = [str(repair) for repair in left_out] if isinstance(left_out := raw.get("repairs"), (list, tuple)) else []
    cast = cast_of(raw, request, repairs)
    shots = script_shots(request) or ()
    scenes = _scenes(raw.get("scenes"), repairs, allowed_lengths(request), fields=fields, cast=cast, shots=shots)
    least, most = (len(shots), len(shots)) if shots else (request.min_scenes, request.max_scenes)
    if base := kept_board(request):
        scenes = _in_the_holes(scenes, base, repairs)
    if len(scenes) > most:
        repairs.append(f"{len(scenes) - most} scenes above the maximum of {most} were cut")
        scenes = scenes[:most]
    kept = values_of(published, fields)
    if not shots:
        _fit_speech(scenes[: len(kept)], repairs, fields)  # as they were published
    if scenes[: len(kept)] != kept:
        repairs.append(f"the first {len(kept)} scenes stay as they were published")
        scenes[: len(kept)] = kept
    if len(scenes) < least:
        raise OutputInvalid(f"{len(scenes)} scenes; at least {least} are needed")
    if shots:
        _fit_script(scenes, shots, repairs)
    else:
        _fit_seconds(scenes, request, repairs)
        _fit_target(scenes, len(kept), request, repairs)
        _fit_speech(scenes, repairs, fields)
    title = base.title if base else clean(raw.get("title"), "title", repairs)
    if not title:
        title = title_of(request.prompt)
        repairs.append("title: missing, taken from the prompt")
    storyboard = assemble(title, scenes, request, fields, cast.members)
    return storyboard, [*repairs, *repeats(storyboard, near=near), *misfits(storyboard)]


def title_of(prompt: str) -> str:
    """For a board without one."""
    return clean(prompt.strip().splitlines()[0].strip()[:MAX_TITLE_CHARACTERS], "title", []) or "storyboard"


def _in_the_holes(scenes: list[dict[str, Any]], base: KeptBoard, repairs: list[str]) -> list[dict[str, Any]]:
    """The whole board: of the text only what is written in the holes."""
    if len(scenes) < base.until:
        raise OutputInvalid(f"{len(scenes)} scenes; {base.until} are needed")
    whole = base.around(scenes)
    if others := [str(place + 1) for place in base.kept if place < base.until and scenes[place] != whole[place]]:
        repairs.append(f"scenes {', '.join(others)} stay as they are in the base")
    return whole


def _scenes(  # noqa: PLR0913 - what is read, and by which rules
    listed: Any, repairs: list[str], may_last: Lengths, *, fields: Fields, cast: Cast, shots: Sequence[ScriptShot]
) -> list[dict[str, Any]]:
    """The scenes of a raw list, in the order that their numbers say."""
    entries = _ordered(_entries(listed, repairs), repairs, fields)
    known = [Entry(entry, fields) if isinstance(entry, dict) else None for entry in entries]
    seconds = of_kind("seconds", fields)
    places = placed_lengths(known, seconds[0], may_last.usual_s) if seconds else [None] * len(entries)
    given = chain((shot.given for shot in shots), repeat(NOTHING))
    read = [
        SceneReading(entry, number, repairs, may_last, fields=fields, cast=cast, given=own).scene(placed_s)
        for number, (entry, placed_s, own) in enumerate(zip(entries, places, given, strict=False), 1)
    ]
    scenes = [scene for scene in read if scene and not is_refusal(scene["description"])]
    if refused := sum(scene is not None for scene in read) - len(scenes):
        repairs.append(f"{refused} scenes dropped: a refusal and no scene")
    return scenes


def _entries(listed: Any, repairs: list[str]) -> list[Any]:
    """Those of a list that can be scenes; the others are told, and so are texts that together are a refusal."""
    listed = listed if isinstance(listed, (list, tuple)) else []
    if len(listed) > MAX_ENTRIES:
        repairs.append(f"{len(listed) - MAX_ENTRIES} entries above {MAX_ENTRIES} were not read")
    entries: list[Any] = []
    dropped: list[Any] = []
    for entry in listed[:MAX_ENTRIES]:
        (entries if entry and isinstance(entry, (dict, str)) else dropped).append(entry)
    if dropped:
        shown = ", ".join(quoted("null" if entry is None else entry) for entry in dropped[:5])
        repairs.append(f"{len(dropped)} entries among the scenes dropped, no scenes: {shown}")
    texts = [entry for entry in entries if isinstance(entry, str)]
    if is_refusal(" ".join(texts)):
        repairs.append(f"{len(texts)} texts dropped: a refusal and no scenes")
        return [entry for entry in entries if not isinstance(entry, str)]
    return entries


def _ordered(entries: list[Any], repairs: list[str], fields: Fields) -> list[Any]:
    """By their numbers where each has one of its own; in parts that each count from 1 the list is the order."""
    numbers = [Entry(entry, fields).number() if isinstance(entry, dict) else None for entry in entries]
    counted = [number for number in numbers if number is not None]
    if len(set(counted)) < len(entries) or counted == sorted(counted):
        return entries
    repairs.append("scenes put in the order of their numbers")
    return [entries[index] for index in sorted(range(len(entries)), key=counted.__getitem__)]


def _fit_script(scenes: list[dict[str, Any]], shots: Sequence[ScriptShot], repairs: list[str]) -> None:
    """The words and the seconds of a script are its own, whatever was written, and have time for each other."""
    for number, (scene, shot) in enumerate(zip(scenes, shots, strict=True), 1):
        own = {"duration": shot.duration_s} | shot.given
        if {name: scene.get(name, "") for name in own} != own:
            repairs.append(
                f"scene {number}: its words and its {shot.duration_s:g} s are the script's and were put back"
            )
        scene.update(own)
        for name in (name for name, value in own.items() if value == ""):  # a shot in which nothing is told
            del scene[name]


def _fit_seconds(scenes: list[dict[str, Any]], request: JobRequest, repairs: list[str]) -> None:
    """Where one video model makes only certain seconds, each scene lasts the nearest of them."""
    seconds = shot_seconds(request)
    if not seconds or request.target_duration_s is not None:
        return
    for number, scene in enumerate(scenes, 1):
        if scene["duration"] not in seconds:
            made_s = nearest(scene["duration"], seconds)
            repairs.append(
                f"scene {number}: duration {scene['duration']:g} s set to {made_s} s, for {request.targets[0]}"
            )
            scene["duration"] = made_s


def _fit_speech(scenes: list[dict[str, Any]], repairs: list[str], fields: Fields) -> None:
    for number, scene in enumerate(scenes, 1):
        fit_speech(scene, number, repairs, fields)


def _fit_target(scenes: list[dict[str, Any]], kept: int, request: JobRequest, repairs: list[str]) -> None:
    """With a target the durations are the target's, not the model's; the first `kept` ones already are."""
    target_s = request.target_duration_s
    if target_s is None:
        return
    wanted = durations(request)
    if wanted and len(wanted) != len(scenes):
        first = tuple(scene["duration"] for scene in scenes[:kept])
        rest, rest_s = len(scenes) - kept, target_s - math.fsum(first)
        shortest_s, longest_s = request.scene_min_s, request.scene_max_s
        if not rest * shortest_s <= rest_s <= rest * longest_s:
            raise OutputInvalid(f"{rest} scenes of {shortest_s} to {longest_s} s cannot last {rest_s:g} s")
        wanted = (*first, *_shares(rest_s, rest, request)) if rest else first
    assert wanted is not None
    if [scene["duration"] for scene in scenes] == list(wanted):
        return
    if math.fsum(scene["duration"] for scene in scenes) == target_s:
        return
    for scene, seconds in zip(scenes, wanted, strict=True):
        scene["duration"] = seconds
    repairs.append(f"durations set so that they sum to {target_s:g} s")


def _shares(total_s: float, count: int, request: JobRequest) -> tuple[float, ...]:
    seconds = shot_seconds(request)
    if seconds and counts(total_s, count, count, seconds):
        return spread_over(total_s, count, seconds)
    return spread(total_s, count, request.scene_max_s)
