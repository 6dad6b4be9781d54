"""What a scene has no time to say is left out and the job tells it; what it has time for stays to the letter."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest, Scene
from shared.board.budget import tokens_a_scene
from shared.board.speaking import fits_in, seconds_to_say
from shared.board.voices import shortened
from worker.script.complete import complete_scenes
from worker.script.grammar import storyboard_schema
from worker.script.output import validate
from worker.script.prompt import messages

FIELDS = fields_named(["narration"])
LONG = "雨停了，她笑了。远处的灯塔亮了一整夜，谁也没有睡着，直到天亮。"
PLAIN = {"description": "雨", "duration": 3, "camera": "close up", "action": "走"}


@pytest.mark.parametrize(
    ("text", "in_s", "kept"),
    [
        ("雨停了，她笑了。", 3, "雨停了，她笑了。"),
        (LONG, 3, "雨停了，她笑了。"),
        ("远处的灯塔亮了一整夜，谁也没有睡着。", 3, "远处的灯塔亮了一整夜"),
        ("远处的灯塔在风雨里亮了一整夜", 3, "远处的灯塔在风雨里亮了一"),
        ("She waits. She waits for the ship that never came back home.", 3, "She waits."),
        ("She waits for version 3.5 of the ship that never came back.", 3, "She waits for version 3.5 of the"),
        ("She waits, and the ship that never came back waits, too.", 3, "She waits"),
        ("Extraordinarily-uncharacteristically-unimaginable " * 3, 0.3, ""),
        ("한 마디로 말하자면 그는 다시 돌아오지 않을 것이다", 2, "한 마디로 말하자면 그는 다시"),
        ("", 1, ""),
    ],
)
def test_a_text_ends_with_a_sentence_or_a_clause_or_a_word(text: str, in_s: float, kept: str) -> None:
    assert shortened(text, in_s) == kept


@given(st.text(st.sampled_from("雨a b.。,，é한กि’\n"), max_size=80), st.floats(0, 10))
def test_what_is_kept_fits_and_is_the_beginning_of_the_text(text: str, in_s: float) -> None:
    kept = shortened(text, in_s)

    assert fits_in(kept, in_s)
    assert text.lstrip(" ,;:，、；：–—-").startswith(kept) or text == kept


def test_a_long_text_without_an_end_takes_no_time() -> None:
    assert shortened("no" * 100_000, 3) == ""
    assert len(shortened("雨，" * 60_000, 8)) == 32 - 1


def read(*narrations: str, **options: Any) -> tuple[list[str | None], list[str]]:
    raw = {"title": "雨", "scenes": [{**PLAIN, "action": f"走{n}", "narration": n} for n in narrations]}
    request = JobRequest(prompt="雨", min_scenes=1, fields=("narration",), **options)
    board, repairs = validate(raw, request, fields=FIELDS)
    return [scene.narration for scene in board.scenes], repairs


def test_a_board_keeps_what_its_scenes_can_say() -> None:
    narrations, repairs = read("雨停了。", LONG)

    assert narrations == ["雨停了。", "雨停了，她笑了。"]
    assert repairs == [
        "scene 2: narration shortened to what 3 s can say, without '远处的灯塔亮了一整夜，谁也没有睡着，直到天亮。'"
    ]


def test_seconds_that_a_target_sets_are_those_that_count() -> None:
    text = "远处的灯塔在风雨里亮了一整夜，她没有走"  # 19 characters

    assert read(text, text, text, target_duration_s=15)[0] == [text] * 3
    assert read(text, text, text, target_duration_s=9)[0] == ["远处的灯塔在风雨里亮了一"] * 3


def test_a_scene_is_published_as_it_stays() -> None:
    request = JobRequest(prompt="雨", min_scenes=1, fields=("narration",))
    scenes: list[dict[str, Any]] = [{"scene_number": n, **PLAIN, "action": f"走{n}", "narration": LONG} for n in (1, 2)]
    text = str({"title": "雨", "scenes": scenes}).replace("'", '"')

    published: tuple[Scene, ...] = complete_scenes(text, request, FIELDS)
    board, repairs = validate({"title": "雨", "scenes": scenes}, request, published, FIELDS)

    assert published == board.scenes
    assert len(repairs) == 2


@given(st.lists(st.text(st.sampled_from("雨a b.。,，é한กि’\n"), max_size=80), min_size=1, max_size=3), st.floats(1, 9))
def test_no_board_says_more_than_it_can(texts: list[str], seconds: float) -> None:
    raw = {"scenes": [{**PLAIN, "action": f"走{n}", "duration": seconds, "narration": t} for n, t in enumerate(texts)]}

    board, _ = validate(raw, JobRequest(prompt="雨", min_scenes=1, fields=("narration",)), fields=FIELDS)

    assert all(fits_in(scene.narration or "", scene.duration) for scene in board.scenes)


@pytest.mark.parametrize(
    ("prompt", "options", "sentence"),
    [
        ("雨中的猫", {}, "3 秒的镜头最多 12 个字，8 秒的镜头最多 32 个字"),
        (
            "雨中的猫",
            {"target_duration_s": 20, "min_scenes": 4, "max_scenes": 4},
            "念出来的话，5 秒的镜头最多 20 个字，",
        ),
        ("a cat in the rain", {}, "at most 7 words in a scene of 3 seconds, at most 20 words in a scene of 8 seconds"),
        ("a cat in the rain", {"targets": ("veo-3.1",)}, "at most 10 words in a scene of 4 seconds"),
        ("雨の中の猫がいます", {}, "at most 12 characters in a scene of 3 seconds"),
        ("แมวในสายฝน", {}, "at most 30 characters in a scene of 3 seconds"),
    ],
)
def test_the_writer_knows_how_much_can_be_said(prompt: str, options: dict[str, Any], sentence: str) -> None:
    request = JobRequest(prompt=prompt, fields=("narration",), **options)

    assert sentence in messages(request, FIELDS)[1]["content"]
    assert "at most 7" not in messages(request.model_copy(update={"fields": ()}))[1]["content"]


def pattern_of(request: JobRequest, name: str) -> re.Pattern[str]:
    fields = fields_named(request.fields)
    scene = storyboard_schema(request, (), fields)["properties"]["scenes"]["prefixItems"][0]["properties"]
    own = scene[name] if name == "narration" else scene[name]["items"]["properties"]["line"]
    return re.compile(own["pattern"])


@pytest.mark.parametrize("seconds", [3, 8, 11, 60])
@pytest.mark.parametrize("each", ["雨", "ฝน ", "internationally ", "rain ", "한마디로 "])
@pytest.mark.parametrize("name", ["narration", "dialogue"])
def test_no_text_that_its_seconds_could_say_is_too_long_for_its_field(seconds: int, each: str, name: str) -> None:
    """Nor is it shortened; and what is written of 60 s has a budget of its own."""
    text = each * int(seconds / seconds_to_say(each) + 1e-9)
    request = JobRequest.model_validate(
        {"prompt": "x", "min_scenes": 1, "fields": [name], "scene_max_s": max(8, seconds)}
        | ({"characters": [{"id": "a", "name": "Ana", "look": "red"}]} if name == "dialogue" else {})
    )  # fmt: skip
    words = text if name == "narration" else [{"character": "a", "line": text}]
    raw = {"title": "x", "scenes": [{**PLAIN, "duration": seconds, name: words}]}
    board, repairs = validate(raw, request, fields=fields_named(request.fields))

    assert pattern_of(request, name).fullmatch(text)
    assert text.strip() in repr(board.scenes[0])
    assert not [repair for repair in repairs if "shortened" in repair or "left out" in repair]


def test_what_short_scenes_say_has_the_grammar_that_it_had() -> None:
    usual = JobRequest(prompt="x", fields=("narration",))
    longer = JobRequest(prompt="x", fields=("narration",), scene_min_s=30, scene_max_s=60)

    assert "{0,399}" in pattern_of(usual, "narration").pattern
    assert "{0,2399}" in pattern_of(longer, "narration").pattern
    assert "{0,399}" not in json.dumps(storyboard_schema(longer, (), FIELDS)["properties"]["title"])
    assert tokens_a_scene(longer) > 2 * tokens_a_scene(usual) - tokens_a_scene(JobRequest(prompt="x"))


def test_a_video_models_prompt_is_narrower_than_60_seconds_of_speech() -> None:
    request = JobRequest(prompt="x", fields=("narration",), scene_min_s=30, scene_max_s=60, targets=("kling-3",))
    most = max(int(number) for number in re.findall(r"\{0,(\d+)\}", pattern_of(request, "narration").pattern))

    assert 400 < most < 2400
