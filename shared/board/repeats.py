"""The scenes of a valid storyboard that repeat another one. Tells them; mends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scriptqueue.schemas import Storyboard
from shared.board.likeness import is_near, is_same, seen_in


class Repeat(NamedTuple):
    """A scene and the first one before it that it repeats, by their numbers."""

    scene: int
    of: int
    nearly: bool


def repeated(storyboard: Storyboard, *, near: bool = False) -> Iterator[Repeat]:
    """Each scene that is an earlier one but for blanks, case and punctuation; `near`: or is nearly one."""
    texts = [(scene.scene_number, seen_in(scene)) for scene in storyboard.scenes]
    for at, (number, text) in enumerate(texts):
        same = next((of for of, earlier in texts[:at] if is_same(text, earlier)), None)
        if same is not None:
            yield Repeat(number, same, nearly=False)
        elif near and (like := next((of for of, earlier in texts[:at] if is_near(text, earlier)), None)):
            yield Repeat(number, like, nearly=True)


def repeats(storyboard: Storyboard, *, near: bool = False) -> list[str]:
    """A line for each scene that comes again, in the order of the first that do."""
    alike: dict[tuple[int, bool], list[int]] = {}
    for repeat in repeated(storyboard, near=near):
        alike.setdefault((repeat.of, repeat.nearly), []).append(repeat.scene)
    return [_line(again, first, "nearly " * nearly) for (first, nearly), again in sorted(alike.items())]


def _line(again: list[int], first: int, nearly: str) -> str:
    run = len(again) > 1 and again == [*range(again[0], again[-1] + 1)]
    which = f"{again[0]} to {again[-1]}" if run else ", ".join(map(str, again))
    return f"scene{'s'[: len(again) > 1]} {which} {nearly}repeat{'s'[: len(again) == 1]} scene {first}"
