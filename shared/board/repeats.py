"""The scenes of a valid storyboard that repeat another one. Tells them; mends nothing."""

from __future__ import annotations

from scriptqueue.schemas import Storyboard
from shared.board.text import folded


def repeats(storyboard: Storyboard) -> list[str]:
    """A line for each scene that comes again: its texts are another's but for blanks, case and punctuation."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for scene in storyboard.scenes:
        alike.setdefault((folded(scene.description), folded(scene.action)), []).append(scene.scene_number)
    lines = []
    for first, *again in alike.values():
        if again:
            run = len(again) > 1 and again == [*range(again[0], again[-1] + 1)]
            which = f"{again[0]} to {again[-1]}" if run else ", ".join(map(str, again))
            lines.append(f"scene{'s'[: len(again) > 1]} {which} repeat{'s'[: len(again) == 1]} scene {first}")
    return lines
