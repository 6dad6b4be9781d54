"""The JSON schema that decoding is constrained to, and the durations that a target fixes before a word is written.

Left out is what code computes (total_duration, video_prompt); constant is what is known (each scene's number).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

from scriptqueue.schemas import MAX_SCENE_S, MIN_SCENE_S, Camera, JobRequest, Scene

MAX_TITLE_CHARACTERS = 100
MAX_TEXT_CHARACTERS = 400
COMFORTABLE_SCENE_S = 5
FIELDS = ("description", "duration", "camera", "action")  # of a scene, as they are written

# Begins with something to see: a string of blanks would be valid JSON and an empty scene. No brackets: small models end
# a string with a Chinese quotation mark, and then write the rest of the JSON into it.
_VISIBLE = r"[^\s\x00-\x20\x7f-\xa0\"\\{}\[\]]"
_ANY = r"[^\x00-\x1f\x7f-\x9f{}\[\]]"


def storyboard_schema(request: JobRequest, given: Sequence[Scene] = ()) -> dict[str, Any]:
    """What the model may write for this request; the scenes that are `given` it must repeat, at no cost."""
    fixed = durations(request)
    count = (len(fixed), len(fixed)) if fixed else (request.min_scenes, request.max_scenes)
    scenes = [_constant(scene) for scene in given]
    scenes += [_scene(n, fixed[n - 1] if fixed else None) for n in range(len(given) + 1, count[1] + 1)]
    return _object(
        {
            "title": _text(MAX_TITLE_CHARACTERS),
            "scenes": {
                "type": "array",
                "prefixItems": scenes,
                "items": False,
                "minItems": count[0],
                "maxItems": count[1],
            },
        }
    )


def durations(request: JobRequest) -> tuple[float, ...] | None:
    """Each scene's seconds when the request has a target, whole where possible; their sum is the target exactly."""
    target_s = request.target_duration_s
    if target_s is None:
        return None
    least = max(request.min_scenes, math.ceil(target_s / MAX_SCENE_S))
    most = min(request.max_scenes, math.floor(target_s / MIN_SCENE_S))
    count = min(max(round(target_s / COMFORTABLE_SCENE_S), least), most)
    return spread(target_s, count)


def spread(total_s: float, count: int) -> tuple[float, ...]:
    """`count` durations of 3 to 8 s that sum to `total_s`: equal whole seconds, what remains given one second at a
    time to the first scenes, a fraction to the last."""
    whole, rest = divmod(math.floor(total_s), count)
    seconds: list[float] = [whole + 1 if index < rest else whole for index in range(count)]
    fraction = total_s - math.floor(total_s)
    if fraction:
        seconds[-1] += fraction
    if seconds[-1] > MAX_SCENE_S:  # 8.5 next to a shorter one
        seconds = [total_s / count] * count
    seconds[-1] += total_s - math.fsum(seconds)
    return tuple(int(s) if s == int(s) else s for s in seconds)


def _scene(number: int, seconds: float | None) -> dict[str, Any]:
    duration = (
        {"type": "integer", "minimum": MIN_SCENE_S, "maximum": MAX_SCENE_S} if seconds is None else {"const": seconds}
    )
    return _object(
        {
            "scene_number": {"const": number},
            "description": _text(MAX_TEXT_CHARACTERS),
            "duration": duration,
            "camera": {"enum": list(get_args(Camera))},
            "action": _text(MAX_TEXT_CHARACTERS),
        }
    )


def _constant(scene: Scene) -> dict[str, Any]:
    fields = scene.model_dump(exclude={"video_prompt"})
    return _object({name: {"const": fields[name]} for name in ("scene_number", *FIELDS)})


def _text(max_characters: int) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{_VISIBLE}{_ANY}{{0,{max_characters - 1}}}$"}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
