"""The prompt's own example shows that scenes differ: small models copy what a single one has into every scene."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest
from worker.script.prompt import messages


def example(**wish: Any) -> list[dict[str, Any]]:
    request = JobRequest.model_validate({"prompt": "雨中的猫", **wish})
    content = messages(request, fields_named(request.fields))[1]["content"]
    scenes: list[dict[str, Any]] = json.loads(re.findall(r"\{.*\}", content)[0])["scenes"]
    return scenes


@pytest.mark.parametrize("prompt", ["雨中的猫", "A cat in the rain", "Un gato bajo la lluvia"])
def test_its_scenes_share_no_value(prompt: str) -> None:
    first, second = example(prompt=prompt, fields=["movement", "pace", "light", "narration", "dialogue", "characters"])
    same = {name for name in first if first[name] == second[name]}
    (line,), (other) = first["dialogue"], second["dialogue"][0]

    assert same == {"characters"}
    assert line["line"] != other["line"]
    assert (first["scene_number"], second["scene_number"]) == (1, 2)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ({}, [5, 4]),
        ({"scene_min_s": 5}, [5, 6]),
        ({"scene_min_s": 2, "scene_max_s": 2}, [2, 2]),
        ({"targets": ["veo-3.1"]}, [6, 4]),
        ({"min_scenes": 1, "max_scenes": 1}, [5]),
    ],
)
def test_its_seconds_are_allowed_ones(wish: dict[str, Any], seconds: list[int]) -> None:
    assert [scene["duration"] for scene in example(**wish)] == seconds
