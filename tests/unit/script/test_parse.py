"""Whatever a model writes, `parse` finds the storyboard in it or says that there is none."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptqueue.schemas import JobRequest
from shared.errors import OutputInvalid
from worker.script.output import parse
from worker.script.parse import MAX_VALUES
from worker.script.prompt import messages

SCENES = [
    {"scene_number": n, "description": f"画面{n}", "duration": 5, "camera": "wide shot", "action": f"动作{n}"}
    for n in (1, 2, 3)
]
BOARD = {"title": "森林", "scenes": SCENES}
PLAIN = json.dumps(BOARD, ensure_ascii=False)
PRETTY = json.dumps(BOARD, ensure_ascii=False, indent=2)


def descriptions(raw: dict[str, Any]) -> list[str]:
    return [scene["description"] for scene in raw["scenes"]]


def test_valid_json_comes_out_as_it_is() -> None:
    assert parse(PLAIN) == BOARD


@pytest.mark.parametrize(
    "text",
    [
        PRETTY,
        f"```json\n{PRETTY}\n```",
        f"```\n{PLAIN}\n```",
        f"```json\n{PRETTY}",
        f"好的，以下是脚本：\n{PLAIN}\n希望您喜欢！",
        f"Sure {{here it is}}:\n{PLAIN}",
        f"注意事项 [1]：\n{PLAIN}",
        f"<think>先想想 {{不是这个}}</think>{PLAIN}",
        f'<think>{{"scenes": [{{"description": "草稿"}}]}}</think>\n{PLAIN}',
        json.dumps({"storyboard": BOARD}),
        json.dumps({"data": {"script": BOARD}}),
        json.dumps([BOARD]),
        json.dumps({"status": "ok", "result": [BOARD]}),
        json.dumps(SCENES),
        json.dumps(json.dumps(BOARD)),
        json.dumps({"title": "森林", "shots": SCENES}),
        json.dumps({"标题": "森林", "分镜": SCENES}),
        json.dumps({"scenes": {"1": SCENES[0], "2": SCENES[1], "3": SCENES[2]}}),
        PLAIN.replace('"}', '",}'),
        PLAIN.replace('"', "'"),
        PLAIN.replace('"title"', "title").replace('"scenes"', "scenes"),
        PLAIN.replace("}, {", "} {"),
        PLAIN.replace('{"title"', '{// a comment\n"title"'),
        PLAIN.replace('"duration": 5', '"duration": 5 /* seconds */'),
        PLAIN.replace("{", "｛").replace("}", "｝"),
        PLAIN.replace('"', "“").replace(":", "："),
        PLAIN[:-2],
        PLAIN[:-1] + "\n\n以上。",
        PLAIN + PLAIN,
        "\ufeff" + PLAIN,
    ],
    ids=range(30),
)
def test_the_storyboard_is_found_in(text: str) -> None:
    assert descriptions(parse(text)) == ["画面1", "画面2", "画面3"]


@pytest.mark.parametrize("text", ["[“{}", "[{}}}[]"], ids=["no storyboard around it", "no storyboard after it"])
def test_a_scene_in_the_text_of_a_value_is_the_only_one(text: str) -> None:
    scene = json.dumps(SCENES[0])

    assert parse(text.format(scene)) == {"title": None, "scenes": [SCENES[0]]}


def test_a_text_that_was_cut_off_keeps_its_whole_scenes() -> None:
    cut = PLAIN[: PLAIN.index("画面3") + 1]

    assert descriptions(parse(cut))[:2] == ["画面1", "画面2"]


@pytest.mark.parametrize(
    "example",
    [
        '{"title":"标题","scenes":[{"scene_number":1,"description":"画面描述","duration":5,"action":"动作描述"}]}',
        *(
            re.findall(r"\{.*\}", messages(JobRequest(prompt=prompt, max_scenes=most, min_scenes=1))[1]["content"])[0]
            for prompt in ("雨", "rain")
            for most in (1, 3)
        ),
    ],
)
def test_the_example_from_the_prompt_is_passed_over(example: str) -> None:
    assert descriptions(parse(f"格式：{example}\n脚本：{PLAIN}")) == ["画面1", "画面2", "画面3"]


def test_full_width_marks_inside_a_string_are_content() -> None:
    text = PLAIN.replace("画面1", "她说：“走吧，朋友”")

    assert descriptions(parse(text))[0] == "她说：“走吧，朋友”"


def test_chinese_keys_keep_the_title() -> None:
    assert parse(json.dumps({"标题": "雨", "场景": SCENES}))["title"] == "雨"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "抱歉，我不能。",
        "null",
        "[]",
        "{}",
        '{"scenes": []}',
        '{"scenes": "none"}',
        '{"scenes": [1, 2, 3]}',
        "NaN",
        '{"a": 1e999}',
        "9" * 5000,
        "\ud800",
        "\x00" * 10,
        "{" * 100_000,
        "[" * 100_000,
        '[{"a":' * 20_000,
        "}" * 100_000,
        '"' * 100_000,
        "[" * 5000 + "]" * 5000,
        "{" * 500_000,
        "x" * 1_000_000,
    ],
    ids=range(22),
)
def test_a_text_without_a_storyboard_is_invalid_and_nothing_else(text: str) -> None:
    with pytest.raises(OutputInvalid):
        parse(text)


NOTES = "[1] " * MAX_VALUES
DRAFT = json.dumps({"title": "草稿", "scenes": SCENES[:2]})


def lines(count: int) -> str:
    return "\n".join(f'{{"description": "画面{n}", "action": "走"}}' for n in range(count))


@pytest.mark.parametrize(
    ("text", "count", "is_cut"),
    [
        (PLAIN + NOTES[4:], 3, False),
        (PLAIN + NOTES, 3, True),
        (f"{PLAIN}{NOTES}{DRAFT}", 3, True),
        (lines(MAX_VALUES + 1), MAX_VALUES, True),
        (lines(MAX_VALUES), MAX_VALUES, False),
        (f"<think>{NOTES}{DRAFT}</think>{PLAIN}", 3, False),
        (f"<think>{DRAFT}</think>{PLAIN}{NOTES}", 3, True),
        (PLAIN.replace("}, {", ",}, {") + "{}" * MAX_VALUES, 3, True),
    ],
    ids=range(8),
)
def test_where_a_text_was_not_read_to_its_end_that_is_told(text: str, count: int, is_cut: bool) -> None:
    raw = parse(text)

    assert len(raw["scenes"]) == count
    assert any("the rest was not read" in repair for repair in raw.get("repairs", [])) == is_cut


def test_scenes_that_come_too_late_are_not_called_absent() -> None:
    with pytest.raises(OutputInvalid, match="no scenes in the first 2000 values"):
        parse(NOTES + PLAIN)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("{}[]\":,，：“”\\ \n`aé场景1.eE-/*#'\ud800\x00"), max_size=200))
def test_any_text_is_a_dictionary_or_invalid(text: str) -> None:
    try:
        raw = parse(text)
    except OutputInvalid:
        return
    assert raw["scenes"]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(PLAIN)), st.text(max_size=8))
def test_a_storyboard_with_something_spliced_in_never_raises_anything_else(at: int, splice: str) -> None:
    with suppress(OutputInvalid):
        parse(PLAIN[:at] + splice + PLAIN[at:])
