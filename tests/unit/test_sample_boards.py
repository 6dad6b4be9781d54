"""The page's sample boards are boards of this service: valid, of the example that they name, with its own prompts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scriptqueue.schemas import JobRequest, Storyboard
from shared.board.validate import validate

PAGE = Path(__file__).parents[2] / "api" / "page"
TEXT = (PAGE / "samples.js").read_text()


def samples() -> dict[str, dict[str, Any]]:
    """The module's object, read as JSON."""
    literal = TEXT[TEXT.index("SAMPLES = ") + len("SAMPLES = ") : TEXT.rindex(";")]
    quoted = re.sub(r"^( *)(\w+):", r'\1"\2":', literal, flags=re.MULTILINE)
    return dict(json.loads(re.sub(r",(\s*[}\]])", r"\1", quoted)))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_sample_is_what_the_service_makes_of_its_text(language: str) -> None:
    (number,) = re.findall(r"SAMPLE_EXAMPLE = (\d)", TEXT)
    (prompt,) = re.findall(rf'"example\.{number}\.prompt": "(.+)"', (PAGE / f"words.{language}.js").read_text())
    sample = samples()[language]
    board = Storyboard.model_validate(sample["board"])
    bare = [{k: v for k, v in scene.items() if k != "video_prompt"} for scene in sample["board"]["scenes"]]

    checked, repairs = validate(sample["board"] | {"scenes": bare}, JobRequest(prompt=prompt))

    assert (checked, repairs) == (board, [])
    assert sample["model"]
