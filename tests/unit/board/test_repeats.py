"""Scenes that come again are told, by the scene that they repeat."""

from __future__ import annotations

import pytest

from scriptqueue.schemas import JobRequest
from shared.board.repeats import Repeat, repeated, repeats
from shared.board.scenes import assemble

KEEPER = "The keeper walks up the stairs and lights the lamp"
THEN = "The keeper walks up the stairs and then lights the lamp"
LETTER = "A letter lies on the wet sand by the boat"


@pytest.mark.parametrize(
    ("descriptions", "exact", "near"),
    [
        ([KEEPER, LETTER], [], []),
        ([KEEPER, LETTER, KEEPER], ["scene 3 repeats scene 1"], []),
        ([KEEPER, KEEPER, KEEPER, LETTER], ["scenes 2 to 3 repeat scene 1"], []),
        ([KEEPER, THEN, LETTER, THEN], ["scene 4 repeats scene 2"], ["scene 2 nearly repeats scene 1"]),
        ([KEEPER, THEN, LETTER, f"{THEN}."], ["scene 4 repeats scene 2"], ["scene 2 nearly repeats scene 1"]),
        ([LETTER, KEEPER, LETTER, THEN, LETTER], ["scenes 3, 5 repeat scene 1"], ["scene 4 nearly repeats scene 2"]),
    ],
)
def test_each_scene_that_comes_again_is_told(descriptions: list[str], exact: list[str], near: list[str]) -> None:
    scenes = [
        {"description": text, "duration": 5, "camera": "wide shot", "action": f"And so: {text}"}
        for text in descriptions
    ]
    storyboard = assemble("Light", scenes, JobRequest(prompt="x"))

    assert repeats(storyboard) == exact
    assert sorted(repeats(storyboard, near=True)) == sorted([*exact, *near])
    assert all(isinstance(one, Repeat) and one.of < one.scene for one in repeated(storyboard, near=True))
