"""The board that a request starts from: which of its scenes stay as they are, and which are to be written.

Knows a whole request, whose board was found valid (rebase.py); not who writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scriptqueue.further_fields import fields_named
from scriptqueue.scene_fields import Fields
from scriptqueue.schemas import JobRequest


@dataclass(frozen=True)
class KeptBoard:
    """`scenes` are the values of their fields, also of those that are written anew; None: nothing stands there yet.
    `holes` are the places, from 0, of those that are to be written."""

    title: str
    scenes: tuple[dict[str, Any] | None, ...]
    holes: tuple[int, ...]

    @property
    def kept(self) -> dict[int, dict[str, Any]]:
        """The scenes that stay, by their places from 0; each a copy."""
        return {place: dict(scene) for place, scene in enumerate(self.scenes) if scene and place not in self.holes}

    @property
    def until(self) -> int:
        """How many scenes a text holds: those up to the last hole."""
        return self.holes[-1] + 1 if self.holes else 0

    def around(self, written: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The scenes of a whole board: those that stay, and in the holes what a text of `until` scenes says."""
        kept = self.kept
        return [kept.get(place) or written[place] for place in range(len(self.scenes))]


def kept_board(request: JobRequest) -> KeptBoard | None:
    """None: all scenes are written."""
    board = request.base.storyboard if request.base else None
    if board is None:
        return None
    fields = fields_named(request.fields)
    scenes: Any = board["scenes"]
    return KeptBoard(
        str(board["title"]),
        tuple(scene and values_from_json(scene, fields) for scene in scenes),
        tuple(number - 1 for number in request.rewrite),
    )


def values_from_json(scene: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Of a scene as `numbered` takes it: its lists are tuples."""
    lists = {field.name for field in fields if field.is_list}
    return {name: tuple(value) if name in lists else value for name, value in scene.items()}
