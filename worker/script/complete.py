"""The scenes that are complete in a text that is still being written.

They are published at once and never change, so only what the whole text cannot contradict counts: the first entry that
leaves a doubt ends the list, and the rest waits for the end of the text.
"""

from __future__ import annotations

import json
import re
from typing import Any

from scriptqueue.scene_fields import SCENE_FIELDS, Fields
from scriptqueue.schemas import JobRequest, Scene
from shared.board.scenes import numbered
from shared.board.timing import durations
from shared.board.validate import read_scene

_LIST = re.compile(r'"scenes"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def complete_scenes(text: str, request: JobRequest, fields: Fields = SCENE_FIELDS) -> tuple[Scene, ...]:
    """As `validate` would read them."""
    opening = _LIST.search(text)
    if not opening:
        return ()
    fixed = durations(request)
    most = len(fixed) if fixed else request.max_scenes
    scenes: list[dict[str, Any]] = []
    at, decoder = opening.end(), json.JSONDecoder()
    while len(scenes) < most:
        between = _BETWEEN.match(text, at)
        assert between is not None  # it matches nothing, too
        try:
            entry, at = decoder.raw_decode(text, between.end())
        except ValueError:
            break
        scene = read_scene(entry, len(scenes) + 1, [], fields) if isinstance(entry, dict) else None
        if scene is None or (fixed and scene["duration"] != fixed[len(scenes)]):
            break  # dropped, or given another duration at the end
        scenes.append(scene)
    return numbered(scenes, request, fields)
