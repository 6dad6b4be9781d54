"""The prompts of a board for a target, and the calls that its shots are made in. Pure: the same for a board of any age.

A scene's prompt depends on no later scene, so that scenes can be published one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scriptqueue.schemas import Character, Storyboard, TargetName
from shared.board.targets.compilers import compiler_of
from shared.board.targets.measure import is_chinese
from shared.board.targets.scene_texts import PEOPLE, SceneTexts, people_in
from shared.board.targets.table import TARGETS, Target


@dataclass(frozen=True)
class Placed:
    """A scene's prompt, and the call that it is made in, from 1."""

    text: str
    call: int


def target_prompts(board: Storyboard, target: TargetName) -> list[str]:
    """One for each scene, in their order."""
    return [placed.text for placed in _of_board(board, target)]


def calls_of(board: Storyboard, target: TargetName) -> list[list[int]]:
    """The numbers of the scenes that one call makes, call by call: as many as the target takes, in their order."""
    placed = _of_board(board, target)
    return [
        [number for number, scene in enumerate(placed, 1) if scene.call == call]
        for call in range(1, max(scene.call for scene in placed) + 1)
    ]


def _of_board(board: Storyboard, target: TargetName) -> list[Placed]:
    scenes = [scene.model_dump() for scene in board.scenes]
    return list(placed_prompts(scenes, board.style, target, board.characters or ()))


def placed_prompts(
    scenes: Sequence[Mapping[str, Any]], style: str | None, target: TargetName, cast: Sequence[Character] = ()
) -> Iterator[Placed]:
    """From the values of the scenes' fields."""
    row = TARGETS[target]
    call, number, starts_s, characters = 0, 0, 0.0, 0
    for scene in scenes:
        number += 1
        text = _prompt({**scene, "style": style}, cast, row, number, starts_s)
        if number == 1 or not _fits(row, number, starts_s + scene["duration"], characters + len(text)):
            call, number, starts_s, characters = call + 1, 1, 0.0, 0
            text = _prompt({**scene, "style": style}, cast, row, number, starts_s)
        yield Placed(text, call)
        starts_s += scene["duration"]
        characters += len(text)


def _prompt(known: Mapping[str, Any], cast: Sequence[Character], row: Target, number: int, starts_s: float) -> str:
    values = {place: known[place] for place in row.places if known.get(place) and place not in PEOPLE}
    chinese = row.reads_chinese and is_chinese(f"{known['description']} {known['action']}")
    texts = SceneTexts(values, "zh" if chinese else "en", number, starts_s, *people_in(known, cast))
    return compiler_of(row.name)(texts, row.places)


def _fits(row: Target, shots: int, seconds: float, characters: int) -> bool:
    """Whether one call can hold so much."""
    limits = row.limits
    return (
        (limits.call_shots is None or shots <= limits.call_shots)
        and (limits.call_s is None or seconds <= limits.call_s[1])
        and (limits.call_characters is None or characters <= limits.call_characters)
    )
