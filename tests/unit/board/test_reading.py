"""How the entries of a raw list are read: keys in any spelling, places on a timeline, numbers, repeats, refusals.

Inputs as in linyqh/NarratoAI#16 (`picture`, `timestamp`) and linyqh/NarratoAI#123 (`time_stamp` of subtitles),
guardrails-ai/guardrails-api#120 (camelCase beside snake_case), openstory-so/openstory#908 (a shot's prompt in parts).
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from scriptqueue.schemas import JobRequest, Scene
from shared.board.duration import read_duration
from shared.board.validate import MAX_ENTRIES, validate
from shared.errors import OutputInvalid
from worker.script.complete import complete_scenes

REQUEST = JobRequest(prompt="森林里的一天")


def scenes(count: int = 3, **change: Any) -> list[dict[str, Any]]:
    return [
        {"scene_number": n, "description": f"雾{n}", "duration": 5, "camera": "wide shot", "action": f"散{n}", **change}
        for n in range(1, count + 1)
    ]


def read(entries: Any, title: Any = "雾") -> tuple[tuple[Scene, ...], list[str]]:
    storyboard, repairs = validate({"title": title, "scenes": entries}, REQUEST)
    return storyboard.scenes, repairs


def as_first(**entry: Any) -> tuple[Scene, list[str]]:
    found, repairs = read([entry, *scenes()[1:]])
    return found[0], repairs


@pytest.mark.parametrize(
    ("description", "duration", "camera", "action"),
    [
        ("Scene_Description", "Duration_Seconds", "Shot_Type", "Character_Action"),
        ("sceneDescription", "durationSeconds", "shotType", "characterAction"),
        ("SCENE DESCRIPTION", "Duration (seconds)", "Camera", "ACTION"),
        ("visual-description", "duration-s", "shot-size", "What happens"),
        ("画面", "时长(秒)", "景别", "动作说明"),
        ("画面描述", "时长（s）", "镜头", "人物动作"),
        ("**描述**", "预计时长", "机位", " 动作 "),
        ("picture", "length", "framing", "event"),
    ],
)
def test_a_key_is_known_in_any_spelling(description: str, duration: str, camera: str, action: str) -> None:
    scene, repairs = as_first(**{description: "河", duration: 7, camera: "特写", action: "流"})

    assert (scene.description, scene.duration, scene.camera, scene.action) == ("河", 7, "close up", "流")
    assert not any("dropped" in repair or "missing" in repair for repair in repairs)


@pytest.mark.parametrize(
    ("entry", "description", "action"),
    [
        ({"description": {"visual": "河", "mood": "静"}, "action": "流"}, "河，静", "流"),
        ({"description": {"visual": "河", "action": "流"}}, "河", "流"),
        ({"scene_number": 1, "scene": {"description": "河", "action": "流"}}, "河", "流"),
        ({"shot": {"描述": "河"}, "details": {"动作": "流"}}, "河", "流"),
        ({"description": "", "Visual": "河", "action": None, "动作": "流"}, "河", "流"),
        ({"description": ["河", "岸"], "actions": ["流", "停"]}, "河，岸", "流，停"),
        ({"场景": "河", "镜头": "特写", "动作": "流"}, "河", "流"),
    ],
)
def test_no_text_is_replaced_by_its_neighbour_while_it_stands_there(
    entry: dict[str, Any], description: str, action: str
) -> None:
    scene, repairs = as_first(**entry)

    assert (scene.description, scene.action) == (description, action)
    assert not any("taken from" in repair for repair in repairs)


def test_a_second_text_of_a_field_is_told_and_an_equal_one_is_not() -> None:
    assert "scene 1: description: '画面' left out beside 'description'" in as_first(**scenes()[0], 画面="河")[1]
    assert as_first(**scenes()[0], 画面="雾1.")[1] == []


def test_the_key_that_can_be_read_is_read() -> None:
    scene, _ = as_first(description="河", action="流", camera="固定", 景别="特写", time="清晨", 时长="6秒")

    assert (scene.camera, scene.duration) == ("close up", 6)


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (["0-3秒", "3-8秒", "8-14秒"], (3, 5, 6)),
        (["0s-3s", "3s-8s", "8s-14s"], (3, 5, 6)),
        (["0 to 3 seconds", "3 to 8 seconds", "8 to 14 seconds"], (3, 5, 6)),
        (["第0—3秒", "第3—8秒", "第8—14秒"], (3, 5, 6)),
        (["00:00-00:03", "00:03-00:08", "00:08-00:14"], (3, 5, 6)),
        (["00:02:21,070-00:02:26,070", "00:02:26,070-00:02:29,070", "00:02:29,070-00:02:35,070"], (5, 3, 6)),
        (["00:00:00.000 --> 00:00:03.500", "00:00:03.500 --> 00:00:08", "00:00:08 --> 00:00:12"], (3.5, 4.5, 4)),
        (["00:00", "00:04", "00:10"], (4, 6, 5)),
        ([[0, 3], [3, 8], [8, 14]], (3, 5, 6)),
        (["3-6", "6-10", "10-15"], (3, 4, 5)),
        (["0-3秒", "4-8秒", "9-14秒"], (3, 4, 5)),
        (["5-6秒", "5-6秒", "5-6秒"], (5.5, 5.5, 5.5)),
        (["3-5秒", "4-6秒", "5-7秒"], (4, 5, 6)),
        (["3-5秒", "5-7秒", "4秒"], (4, 6, 4)),
        (["5秒", "6 seconds", "1分钟"], (5, 6, 8)),
        (["00:07", "00:04", "00:05"], (7, 4, 5)),
    ],
)
def test_ranges_are_places_where_they_make_a_timeline_and_estimates_elsewhere(
    values: list[Any], seconds: tuple[float, ...]
) -> None:
    for name in ("duration", "时间", "timestamp", "Time_Range"):
        entries = [{**scene, name: value} for scene, value in zip(scenes(duration=None), values, strict=True)]

        assert tuple(scene.duration for scene in read(entries)[0]) == seconds


@pytest.mark.parametrize(("start", "end"), [("start", "end"), ("startTime", "endTime"), ("开始时间", "结束时间")])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_start_and_an_end_are_a_length(start: str, end: str, as_text: bool) -> None:
    places: list[tuple[Any, Any]] = (
        [("0s", "00:03"), ("3秒", "0:08"), ("8", "14 s")] if as_text else [(0, 3), (3, 8), (8, 14)]
    )
    entries = [{**s, start: place[0], end: place[1]} for s, place in zip(scenes(duration=None), places, strict=True)]

    found, repairs = read(entries)

    assert [scene.duration for scene in found] == [3, 5, 6]
    assert not any("dropped" in repair for repair in repairs)
    assert [scene.duration for scene in read([{**entry, "duration": 4} for entry in entries])[0]] == [4, 4, 4]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1分30秒", 90), ("1 min 5 s", 65), ("5000ms", 5), ("2.5 minutes", 150), ("1m", 60), ("5 metres", 5), ("PT6S", 6)],
)
def test_other_units_are_read(value: str, seconds: float) -> None:
    assert read_duration(value) == seconds


@pytest.mark.parametrize(
    ("numbers", "order"),
    [
        ([3, 1, 2], [2, 3, 1]),
        (["Scene 3", "Scene 1", "Scene 2"], [2, 3, 1]),
        (["第三镜", "第一镜", "第二镜"], [2, 3, 1]),
        (["S03", "S01", "S02"], [2, 3, 1]),
        ([30, 10, 20], [2, 3, 1]),
        ([1, 2, 1], [1, 2, 3]),
        ([3, None, 1], [1, 2, 3]),
        ([3, "x", 1], [1, 2, 3]),
        ([1.2, 1.1, 1.3], [1, 2, 3]),
        ([True, 2, 1], [1, 2, 3]),
    ],
)
def test_numbers_that_each_scene_has_of_its_own_say_the_order(numbers: list[Any], order: list[int]) -> None:
    entries = [{**scene, "scene_number": number} for scene, number in zip(scenes(), numbers, strict=True)]

    found, repairs = read(entries)

    assert [scene.description for scene in found] == [f"雾{n}" for n in order]
    assert any("put in the order" in repair for repair in repairs) == (order != [1, 2, 3])


def test_what_is_no_scene_among_the_scenes_is_told() -> None:
    first, second, third = scenes()

    found, repairs = read([first, None, second, 7, [], third, {}, ""])

    assert len(found) == 3
    assert repairs == ["5 entries among the scenes dropped, no scenes: 'null', '7', '[]', '{}', ''"]


@pytest.mark.parametrize("title", [math.nan, math.inf, "NaN", "null", True, {}])
def test_what_is_no_title_is_taken_from_the_prompt(title: Any) -> None:
    storyboard, repairs = validate({"title": title, "scenes": scenes()}, REQUEST)

    assert storyboard.title == "森林里的一天"
    assert "title: missing, taken from the prompt" in repairs


@pytest.mark.parametrize(
    ("texts", "repair"),
    [
        (["父亲在雨中"] * 8, "scenes 2 to 8 repeat scene 1"),
        (["A cat.", "a  CAT", "dog"], "scene 2 repeats scene 1"),
        (["a", "b", "a", "c", "a!"], "scenes 3, 5 repeat scene 1"),
    ],
)
def test_scenes_of_one_text_are_told(texts: list[str], repair: str) -> None:
    entries = [
        {**scene, "description": text, "action": f"做{text}"}
        for scene, text in zip(scenes(len(texts)), texts, strict=True)
    ]

    assert read(entries)[1] == [repair]
    assert read(scenes(len(texts), description="同"))[1] == []  # other actions


@pytest.mark.parametrize(
    "entries",
    [
        ["I'm sorry", "I can't help", "with that"],
        ["抱歉", "我不能", "这样做"],
        scenes(description="I'm sorry, but I can't assist with that."),
        [*scenes(2), {"description": "很抱歉，我无法继续创作。", "action": "无"}],
    ],
)
def test_a_refusal_is_no_scene(entries: list[Any]) -> None:
    with pytest.raises(OutputInvalid):
        read(entries)


def test_a_refusal_after_enough_scenes_is_dropped_and_told() -> None:
    found, repairs = read(
        [*scenes(), {"description": "I'm sorry, I cannot continue.", "action": "none", "duration": 5}]
    )

    assert len(found) == 3
    assert "1 scenes dropped: a refusal and no scene" in repairs


def test_every_repair_is_one_line_that_can_be_shown() -> None:
    _, repairs = read(
        [
            {**scenes()[0], "a\nb\x00": 1, "画面\n": "x\ny", "camera": "\x1b[1m\n", "duration": "五\n秒"},
            *scenes()[1:],
            "\n",
        ],
        title={"a": "b\n\x07c"},
    )

    assert len(repairs) > 4
    assert [repair for repair in repairs if not repair.isprintable()] == []


def test_repairs_are_bounded() -> None:
    _, repairs = read([{**scenes()[0], **{f"key{n}": n for n in range(20_000)}}, *scenes()[1:], *[None] * 50_000])

    assert len(repairs) < 10
    assert max(map(len, repairs)) < 500
    assert any(f"above {MAX_ENTRIES} were not read" in repair for repair in repairs)


@pytest.mark.parametrize(
    "change",
    [
        {"duration": "0-3秒"},
        {"duration": "00:03"},
        {"duration": None, "start": 0},
        {"scene_number": 2},
        {"description": {"visual": "河"}},
        {"shots": [{"description": "河", "action": "流"}]},
        {"description": "I'm sorry, I can't help with that."},
    ],
)
def test_a_scene_that_others_may_change_is_not_published(change: dict[str, Any]) -> None:
    def text(first: dict[str, Any]) -> str:
        return json.dumps({"title": "雾", "scenes": [first, *scenes()[1:]]}, ensure_ascii=False)

    assert len(complete_scenes(text(scenes()[0]), REQUEST)) == 3
    assert complete_scenes(text({**scenes()[0], **change}), REQUEST) == ()
