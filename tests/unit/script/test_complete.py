"""Scenes that are published while a text is being written, and the final storyboard that must not contradict them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scriptqueue.schemas import JobRequest
from shared.errors import OutputInvalid
from worker.script.complete import complete_scenes
from worker.script.grammar import storyboard_schema
from worker.script.output import fallback, parse, validate

REQUEST = JobRequest(prompt="雨中的猫。它找到一把伞。它回家", max_scenes=4)


def text(*descriptions: str, duration: float = 5) -> str:
    scenes = [
        {
            "scene_number": n,
            "description": description,
            "duration": duration,
            "camera": "wide shot",
            "action": f"动作{n}",
        }
        for n, description in enumerate(descriptions, 1)
    ]
    return json.dumps({"title": "猫", "scenes": scenes}, ensure_ascii=False)


def test_wherever_a_text_is_cut_its_complete_scenes_begin_the_final_storyboard() -> None:
    whole = text("雨中的猫 ", 'a "quoted" {brace}', "\\回家", "多余的一句")
    final, _ = validate(parse(whole), REQUEST)

    counts = []
    for end in range(len(whole) + 1):
        scenes = complete_scenes(whole[:end], REQUEST)
        assert scenes == final.scenes[: len(scenes)]
        counts.append(len(scenes))

    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("cut", ["", "no storyboard", '{"title": "猫", "scenes": ', '{"scenes": ["只有文字", 3, null'])
def test_a_text_that_leaves_a_doubt_has_no_complete_scene(cut: str) -> None:
    assert complete_scenes(cut, REQUEST) == ()


def test_scenes_above_the_maximum_are_not_published() -> None:
    assert len(complete_scenes(text(*"abcdef"), REQUEST)) == 4


def test_a_duration_that_the_target_will_change_is_not_published() -> None:
    request = JobRequest(prompt="猫", target_duration_s=12)

    assert complete_scenes(text("a", "b", duration=8), request) == ()
    assert len(complete_scenes(text("a", "b", duration=6), request)) == (2 if fixed_is(request, 6) else 0)


def fixed_is(request: JobRequest, seconds: float) -> bool:
    scenes: list[dict[str, Any]] = storyboard_schema(request)["properties"]["scenes"]["prefixItems"]
    return all(scene["properties"]["duration"]["const"] == seconds for scene in scenes)


def test_another_text_keeps_what_was_published_and_says_so() -> None:
    published = complete_scenes(text("first", "second"), REQUEST)

    storyboard, repairs = validate(parse(text("other", "words", "third")), REQUEST, published)

    assert [scene.description for scene in storyboard.scenes] == ["first", "second", "third"]
    assert any("published" in repair for repair in repairs)


def test_a_shorter_text_is_filled_up_with_what_was_published() -> None:
    published = complete_scenes(text("first", "second", "third"), REQUEST)

    storyboard, _ = validate(parse(text("other")), REQUEST, published)

    assert storyboard.scenes == published


def test_the_fallback_keeps_what_was_published() -> None:
    published = complete_scenes(text("first", "second"), REQUEST)

    storyboard = fallback(REQUEST.prompt, REQUEST, published)

    assert storyboard.scenes[:2] == published
    assert storyboard.scenes[2].description == "它回家"


@pytest.mark.parametrize(("target_s", "scenes"), [(20, 4), (19.5, 4), (16, 3)])
def test_a_target_is_met_beside_what_was_published(target_s: float, scenes: int) -> None:
    request = JobRequest(prompt="猫", target_duration_s=target_s)
    published = fallback("一。二。三。四", request).scenes[:2]

    storyboard, _ = validate(parse(text(*"abcd"[:scenes], duration=7)), request, published)

    assert storyboard.scenes[:2] == published
    assert storyboard.total_duration == target_s
    assert fallback("五", request, published).total_duration == target_s


def test_what_cannot_meet_the_target_beside_published_scenes_is_refused() -> None:
    request = JobRequest(prompt="猫", target_duration_s=40, min_scenes=1)
    published = fallback("一。二。三。四。五。六。七。八", request).scenes[:7]

    with pytest.raises(OutputInvalid, match="cannot last"):
        validate(parse(text("a")), request, published)


def test_published_scenes_are_constants_of_the_grammar() -> None:
    published = complete_scenes(text("first", "second"), REQUEST)

    first, second, third, _ = storyboard_schema(REQUEST, published)["properties"]["scenes"]["prefixItems"]

    assert [scene["properties"]["description"] for scene in (first, second)] == [
        {"const": "first"},
        {"const": "second"},
    ]
    assert "const" not in third["properties"]["description"]
