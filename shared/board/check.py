"""A board from anywhere as this service would have it: mended where that can be, with what was mended.

Knows no job; limits and fields come as a request's values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import MAX_SCENES, Character, JobRequest, Storyboard
from shared.board.rebase import COMPUTED_OF_SCENE, board_values
from shared.board.validate import validate


def request_of_board(board: Mapping[str, Any], wanted: Mapping[str, Any]) -> JobRequest:
    """For a board like this one; what is `wanted` of it goes before what it says. Raises `ValidationError`."""
    scenes = board.get("scenes")
    values = board_values(board, scenes if isinstance(scenes, list) else (), is_alone=True)
    if "characters" in values and not _is_cast(values["characters"]):
        del values["characters"]  # it is mended as a model's is
        values["fields"] = [*values["fields"], "characters"]
    for name in ("style", "aspect_ratio", "language"):
        if name in values and not _is_fit(name, values[name]):
            del values[name]
    title = values.get("prompt")
    values["prompt"] = title if isinstance(title, str) and title.strip() else "storyboard"
    return JobRequest.model_validate({**values, "min_scenes": 1, "max_scenes": MAX_SCENES, **wanted})


def checked(board: Mapping[str, Any], request: JobRequest) -> tuple[Storyboard, list[str]]:
    """The board as it is valid, and what was mended for it; raises `OutputInvalid`."""
    scenes = board.get("scenes")
    bare = [
        {name: value for name, value in scene.items() if name not in COMPUTED_OF_SCENE}
        if isinstance(scene, dict)
        else scene
        for scene in (scenes if isinstance(scenes, list) else ())
    ]
    found, repairs = validate({**board, "scenes": bare, "repairs": ()}, request, (), fields_named(request.fields))
    dropped = sorted(board.keys() - Storyboard.model_fields.keys())
    dropped += [name for name in ("style", "aspect_ratio") if board.get(name) and not getattr(request, name)]
    mends = [f"unknown fields of the board dropped: {', '.join(dropped[:10])}"] if dropped else []
    return found, [*mends, *repairs]


def _is_cast(value: Any) -> bool:
    try:
        return bool([Character.model_validate(one) for one in value])
    except (ValidationError, TypeError):
        return False


def _is_fit(name: str, value: Any) -> bool:
    try:
        JobRequest.model_validate({"prompt": "storyboard", name: value})
    except ValidationError:
        return False
    return True
