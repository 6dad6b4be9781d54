"""`validate` mends what can be mended, tells each mend, and refuses the rest."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptqueue.schemas import JobRequest
from shared.errors import OutputInvalid
from worker.script.output import validate

REQUEST = JobRequest(prompt="森林里的一天\n第二行")


def scene(number: int = 1, **change: Any) -> dict[str, Any]:
    whole = {
        "scene_number": number,
        "description": "雾" if number == 1 else f"雾{number}",
        "duration": 5,
        "camera": "wide shot",
        "action": "散开",
    }
    return {name: value for name, value in {**whole, **change}.items() if value is not ...}


def board(first: Any, **change: Any) -> dict[str, Any]:
    return {"title": "森林", "scenes": [first, scene(2), scene(3)], **change}


def test_what_the_grammar_writes_needs_no_repair() -> None:
    storyboard, repairs = validate(board(scene()), REQUEST)

    assert repairs == []
    assert storyboard.total_duration == 15
    assert storyboard.scenes[0].video_prompt == "雾, high quality, cinematic, detailed, 4k, professional"


def test_the_quality_keywords_are_the_requests() -> None:
    storyboard, _ = validate(board(scene()), JobRequest(prompt="x", quality_keywords="8mm film"))

    assert storyboard.scenes[0].video_prompt == "雾, 8mm film"


@pytest.mark.parametrize(
    ("duration", "seconds", "repair_text"),
    [
        (4.5, 4.5, None),
        (12, 8, "clamped"),
        (0, 3, "clamped"),
        (-5, 3, "clamped"),
        ("5秒", 5, "read as 5 s"),
        ("约6s", 6, "read as 6 s"),
        ("5-6 seconds", 5.5, "read as 5.5 s"),
        ("00:07", 7, "read as 7 s"),
        ("00:05-00:09", 4, "read as 4 s"),
        ("0:00:06", 6, "read as 6 s"),
        ("六秒", 6, "read as 6 s"),
        ("十秒", 8, "clamped"),
        ("1分钟", 8, "clamped"),
        ("很长", 5, "assumed"),
        (None, 5, "assumed"),
        (..., 5, "assumed"),
        (True, 5, "assumed"),
        (math.nan, 5, "assumed"),
        (math.inf, 5, "assumed"),
        (10**400, 5, "assumed"),
        ([5], 5, "assumed"),
    ],
)
def test_a_duration_is_read_and_told(duration: Any, seconds: float, repair_text: str | None) -> None:
    storyboard, repairs = validate(board(scene(duration=duration)), REQUEST)

    assert storyboard.scenes[0].duration == seconds
    assert any(repair_text in repair for repair in repairs) if repair_text else repairs == []


@pytest.mark.parametrize(
    ("camera", "read"),
    [
        ("特写", "close up"),
        ("大特写镜头", "close up"),
        ("近景", "close up"),
        ("Close-Up", "close up"),
        ("CU", "close up"),
        ("extreme close up", "close up"),
        ("中景", "medium shot"),
        ("MS", "medium shot"),
        ("Medium Shot", "medium shot"),
        ("over-the-shoulder", "medium shot"),
        ("全景", "wide shot"),
        ("大远景", "wide shot"),
        ("航拍", "wide shot"),
        ("establishing shot", "wide shot"),
        ("WS", "wide shot"),
        ("drone view", "wide shot"),
        ("固定", "medium shot"),
        ("", "medium shot"),
        (7, "medium shot"),
        (None, "medium shot"),
    ],
)
def test_a_camera_is_read_and_told(camera: Any, read: str) -> None:
    storyboard, repairs = validate(board(scene(camera=camera)), REQUEST)

    assert storyboard.scenes[0].camera == read
    assert len(repairs) == 1
    assert "camera" in repairs[0]


@pytest.mark.parametrize(
    ("entry", "repair_text"),
    [
        (scene(description=...), "description missing"),
        (scene(action=...), "action missing"),
        (scene(action="  "), "action missing"),
        ("一只鹿走过", "bare text"),
        (scene(number=7), "scene_number"),
        (scene(scene_number="第一"), "scene_number"),
        (scene(extra=1, mood="x"), "unknown fields dropped: extra, mood"),
        (scene(description=["雾", "光"]), "turned to text"),
        (scene(description="雾\x00\x07"), "cannot be shown"),
        (scene(description="雾\ud800"), "cannot be shown"),
        ({"画面": "雾", "动作": "散开", "景别": "全景", "时长": "5秒"}, "read from '画面'"),
    ],
)
def test_a_mended_scene_is_told(entry: Any, repair_text: str) -> None:
    storyboard, repairs = validate(board(entry), REQUEST)

    assert len(storyboard.scenes) == 3
    assert any(repair_text in repair for repair in repairs)


@pytest.mark.parametrize("title", [None, "", "  ", "\x00"])
def test_a_missing_title_is_taken_from_the_prompt(title: Any) -> None:
    storyboard, repairs = validate(board(scene(), title=title), REQUEST)

    assert storyboard.title == "森林里的一天"
    assert "title: missing, taken from the prompt" in repairs


def test_scenes_above_the_maximum_are_cut_and_told() -> None:
    storyboard, repairs = validate({"title": "t", "scenes": [scene(n) for n in range(1, 12)]}, REQUEST)

    assert len(storyboard.scenes) == 8
    assert repairs == ["3 scenes above the maximum of 8 were cut"]


@pytest.mark.parametrize("scenes", [[], [scene(), scene(2)], [scene(), {}, {"camera": "wide shot"}], None, "abc"])
def test_fewer_scenes_than_the_minimum_are_invalid(scenes: Any) -> None:
    with pytest.raises(OutputInvalid):
        validate({"title": "t", "scenes": scenes}, REQUEST)


@pytest.mark.parametrize("target_s", [9, 15, 17.5, 20.3, 24])
def test_the_target_is_met_whatever_the_model_wrote(target_s: float) -> None:
    request = JobRequest(prompt="x", target_duration_s=target_s)
    storyboard, repairs = validate(board(scene(duration=8)), request)

    assert storyboard.total_duration == target_s
    assert any("durations set" in repair for repair in repairs)


def test_a_target_out_of_reach_of_the_scenes_written_is_invalid() -> None:
    with pytest.raises(OutputInvalid, match="cannot last"):
        validate(board(scene()), JobRequest(prompt="x", target_duration_s=60))


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SCENE = st.fixed_dictionaries({}, optional=dict.fromkeys(scene(), JUNK)) | JUNK


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({"scenes": st.lists(SCENE, max_size=12)}, optional={"title": JUNK}))
def test_any_dictionary_is_a_storyboard_or_invalid_and_validating_again_changes_nothing(raw: dict[str, Any]) -> None:
    try:
        storyboard, _ = validate(raw, REQUEST)
    except OutputInvalid:
        return
    again, repairs = validate(storyboard.model_dump(), REQUEST)
    assert again == storyboard
    assert [repair for repair in repairs if "repeat" not in repair] == []  # scenes alike are told as often as they come
