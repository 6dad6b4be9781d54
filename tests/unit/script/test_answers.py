"""Which storyboard of a text is the answer: drafts in any marks, parts, versions, keys of their own, mended JSON.

Inputs as in garrytan/gbrain#4640 and affromero/flight-finder#208 (drafts of JSON within the reasoning),
vllm-project/vllm#13125 and mudler/LocalAI#4761 (no opening mark), RooCodeInc/Roo-Code#8522 (`[THINK]`),
Augustas11/macprovider#743 and kekzl/imp#768 (channels), promptfoo/promptfoo#5283 (`Reasoning: []`),
langgenius/dify#41958, vectorize-io/hindsight#2672 and guardrails-ai/guardrails#1549 (fences in strings),
mangiucugna/json_repair#157, #196 and #95 (several objects, a wrong bracket), openstory-so/openstory#908 (shots).
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest

from scriptqueue.schemas import JobRequest
from shared.errors import OutputInvalid
from worker.script.output import parse, validate

REQUEST = JobRequest(prompt="森林里的一天", min_scenes=1, max_scenes=20)


def scenes(mark: str = "画面", first: int = 1, last: int = 3) -> list[dict[str, Any]]:
    return [
        {
            "scene_number": n,
            "description": f"{mark}{n}",
            "duration": 5,
            "camera": "wide shot",
            "action": f"动作{mark}{n}",
        }
        for n in range(first, last + 1)
    ]


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def read(text: str) -> tuple[list[str], str, list[str]]:
    storyboard, repairs = validate(parse(text), REQUEST)
    return [scene.description for scene in storyboard.scenes], storyboard.title, repairs


BOARD = {"title": "森林", "scenes": scenes()}
PLAIN = dump(BOARD)
DRAFT = dump({"title": "草稿", "scenes": scenes("草", last=5)})
LINES = "\n".join(map(dump, scenes()))
WANTED = ["画面1", "画面2", "画面3"]


@pytest.mark.parametrize(
    "around",
    [
        "<think>{}</think>",
        "<thinking>\nwell {} hm\n</thinking>",
        "<reasoning>{}</reasoning>",
        "<antThinking>{}</antThinking>",
        "<seed:think>{}</seed:think>",
        "<thought kind='plan'>{}</thought>",
        "◁think▷{}◁/think▷",
        "[THINK]{}[/THINK]",
        "<|begin_of_thought|>{}<|end_of_thought|><|begin_of_solution|>",
        "<|START_THINKING|>{}<|END_THINKING|><|START_RESPONSE|>",
        "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
        "analysisWe need {}. Go.assistantfinal",
        "<|channel>thought\n{}<channel|>",
        "{}</think>",
        "The user wants a board { of three scenes: {}\n</think>\n\n",
        "<think>{}</think> and again <think>{}</think>",
        "<answer>{}</answer> no: <answer>",
        "思考过程：先写 {}\n最终答案：",
        "**思考**：\n{}\n\n**最终输出**：\n",
        "## Draft:\n{}\n## Final answer:\n",
        "Thinking process: {}\n\n",
        "草稿：{}\n",
        "Reasoning: []",
    ],
)
@pytest.mark.parametrize("answer", [PLAIN, f"```json\n{PLAIN}\n```", LINES], ids=["plain", "fenced", "lines"])
def test_a_draft_never_wins_over_the_answer(around: str, answer: str) -> None:
    assert read(around.replace("{}", DRAFT) + answer)[0] == WANTED


@pytest.mark.parametrize(
    "text", ["<think>{}", "<think>{}</think>", "{}</think>", "[THINK]{}", "思考过程：{}", "<think>a</think>{}</think>"]
)
@pytest.mark.parametrize("end", ["", "\n好的。"])
def test_a_board_that_stands_in_the_reasoning_only_is_read(text: str, end: str) -> None:
    assert read(text.replace("{}", PLAIN) + end)[0] == WANTED


@pytest.mark.parametrize(
    "mark",
    ["```python 代码```", "</think>", "<think>", "最终答案：", "[THINK]", "\n```\n", "{", "]}", '"}', "｛：，“”"],
)
@pytest.mark.parametrize(
    "around", ["{}", "```json\n{}\n```", "````json\n{}\n````", "好的：{}\n以上", "<think>x</think>{}"]
)
def test_marks_within_a_text_of_the_answer_are_text(mark: str, around: str) -> None:
    board = {"title": "森林", "scenes": [{**scenes()[0], "description": f"屏幕{mark}滚动"}, *scenes()[1:]]}

    raw = parse(around.replace("{}", dump(board)))

    assert raw == board


@pytest.mark.parametrize(
    ("value", "count", "title"),
    [
        (
            {"title": "三幕", "acts": [{"name": "一", "scenes": scenes("甲")}, {"name": "二", "scenes": scenes("乙")}]},
            6,
            "三幕",
        ),
        (
            {"片名": "三幕", "分镜": [{"幕": "一", "镜头列表": scenes("甲")}, {"幕": "二", "镜头列表": scenes("乙")}]},
            6,
            "三幕",
        ),
        ({"title": "三幕", "act1": scenes("甲"), "act2": {"scenes": scenes("乙")}}, 6, "三幕"),
        ({"title": "三幕", "第二幕": scenes("乙", 4, 6), "第一幕": scenes("甲")}, 6, "三幕"),
        ({"title": "三幕", "beginning": scenes("甲"), "end": scenes("乙")}, 6, "三幕"),
        ([{"scenes": [scene]} for scene in scenes()], 3, None),
        ([{"scene": scene} for scene in scenes()], 3, None),
        ([{"id": 1, "data": scene, "duration": 4} for scene in scenes()], 3, None),
        ([scenes("甲", last=2), scenes("乙", last=2)], 4, None),
        ({"title": "三幕", "scenes": [scenes("甲", last=2), scenes("乙", last=2)]}, 4, "三幕"),
        (
            {
                "title": "三幕",
                "scenes": [{"scene_number": 1, "shots": scenes("甲")}, {"scene_number": 2, "shots": scenes("乙")}],
            },
            6,
            "三幕",
        ),
        ({"title": "三幕", "scenes": [{**scenes()[0], "shots": scenes("甲", last=2)}, scenes()[1]]}, 3, "三幕"),
        ({"title": "三幕", "scene1": scenes()[0], "Scene 2": scenes()[1], "scene_3": scenes()[2]}, 3, "三幕"),
        ({"title": "三幕", "场景1": scenes()[0], "场景二": scenes()[1]}, 2, "三幕"),
        ({"title": "三幕", "镜头一": "海", "镜头二": "山", "镜头三": "河"}, 3, "三幕"),
        ({"title": "三幕", "storyboard": {"1": scenes()[0], "2": scenes()[1]}}, 2, "三幕"),
        ({"title": "三幕", "scenes": {"a": scenes()[0], "b": scenes()[1]}}, 2, "三幕"),
        ({"title": "三幕", "opening": scenes()[0], "ending": scenes()[1]}, 2, "三幕"),
        ({"title": "三幕", "scenes": dump(scenes())}, 3, "三幕"),
        ({"info": {"title": "三幕"}, "scenes": scenes()}, 3, "三幕"),
        (
            {"title": "三幕", "characters": [{"name": "李", "description": "高"}], "acts": [{"scenes": scenes()}]},
            3,
            "三幕",
        ),
        ({"thinking": {"scenes": scenes("草")}, "final": {"Title": "三幕", "Scenes": scenes()}}, 3, "三幕"),
        ([{"title": "三幕"}, *scenes()], 3, "三幕"),
        ({"title": "三幕", "scenes": [{**scenes()[0], "script": ["对白一", "对白二"]}, *scenes()[1:]]}, 3, "三幕"),
        (
            {"title": "三幕", "scenes": [{**s, "characters": [{"name": "李", "description": "高"}]} for s in scenes()]},
            3,
            "三幕",
        ),
    ],
)
def test_scenes_in_parts_or_under_their_own_keys_are_all_read(value: Any, count: int, title: str | None) -> None:
    for text in (
        dump(value),
        f"好的：\n```json\n{json.dumps(value, ensure_ascii=False, indent=1)}\n```\n",
        dump(value)[:-1],
    ):
        found, called, _ = read(text)

        assert len(found) == count
        assert called == (title or "森林里的一天")


@pytest.mark.parametrize(
    "keys",
    [
        ("scene3", "scene1", "scene2"),
        ("3", "1", "2"),
        ("镜头三", "镜头一", "镜头二"),
        ("第3镜", "第1镜", "第2镜"),
        ("Scene 10", "Scene 2", "Scene 9"),
    ],
)
def test_keys_that_are_numbers_say_the_order(keys: tuple[str, ...]) -> None:
    entries = [{key: value for key, value in scene.items() if key != "scene_number"} for scene in scenes()]
    board = dict(zip(keys, [entries[2], entries[0], entries[1]], strict=True))

    assert read(dump(board))[0] == WANTED
    assert read(dump({"title": "x", "scenes": board}))[0] == WANTED


@pytest.mark.parametrize(
    "text",
    [
        LINES,
        ",\n".join(map(dump, scenes())),
        '{"title": "森林"}\n' + LINES,
        "\n\n".join(f"### 场景{n}\n```json\n{dump(scene)}\n```" for n, scene in enumerate(scenes(), 1)),
        f"第一幕：\n{dump(scenes(last=2))}\n第二幕：\n{dump(scenes(first=3))}",
        "".join(f'{{"scene": {dump(scene)}}}' for scene in scenes()),
        '{"scene": ' + ', "scene": '.join(map(dump, scenes())) + "}",
    ],
)
def test_scenes_one_by_one_are_joined(text: str) -> None:
    assert read(text)[0] == WANTED


@pytest.mark.parametrize(
    ("text", "wanted", "left_out"),
    [
        (DRAFT + "\n更好的：\n" + PLAIN, [f"草{n}" for n in range(1, 6)], "another storyboard of 3 scenes"),
        (dump({"scenes": scenes("旧")}) + PLAIN, WANTED, "another storyboard of 3 scenes"),
        (PLAIN + PLAIN, WANTED, None),
        (f"{{坏 的 {dump({'scenes': scenes('旧', last=2)})} }}\n{PLAIN}", WANTED, "another storyboard of 2 scenes"),
        (dump({"versions": [BOARD, {"title": "b", "scenes": scenes("乙", last=2)}]}), WANTED, "another version"),
        (dump({"title": "a", "scenes": scenes(), "shots": scenes("乙", last=2)}), WANTED, "under another name"),
        (dump({"acts": [{"scenes": scenes(last=2)}, {"scenes": scenes(first=3)}]}), WANTED, "2 lists were joined"),
        (PLAIN.replace('"}', '",}'), WANTED, "no JSON"),
        (PLAIN, WANTED, None),
        (f"好的：{PLAIN}", WANTED, None),
    ],
)
def test_the_most_scenes_and_then_the_last_win_and_the_rest_is_told(
    text: str, wanted: list[str], left_out: str | None
) -> None:
    found, _, repairs = read(text)

    assert found == wanted
    assert [repair for repair in repairs if "title" not in repair and (not left_out or left_out not in repair)] == []
    assert any(left_out in repair for repair in repairs) if left_out else repairs == []


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("画面1", '他说"画面1",走了'),
        PLAIN.replace("画面1", '画面1 5" 屏幕'),
        PLAIN.replace("画面1", "画面1\n第二行"),
        PLAIN.replace("画面1", "画面1\\d"),
        PLAIN.replace('画面1", ', '画面1"\n'),
        PLAIN.replace('画面1", ', "画面1,\n"),
        PLAIN.replace('动作画面1"}', '动作画面1"'),
        PLAIN.replace("}]}", "}}"),
        PLAIN.replace("}, {", "}\n{"),
        PLAIN.replace('"duration": 5', '"duration": 5s'),
        PLAIN.replace('"duration": 5', "duration: five"),
        PLAIN.replace('"duration": 5', '"duration": None'),
        PLAIN.replace("]}", "..."),
        PLAIN.replace('"', '\\"'),
        f"```json\n{PLAIN[:-3]}\n```\n希望您喜欢！",
        "```json\n" + PLAIN.replace('"}', '",}').replace("画面1", "画面1 ```code``` 滚动") + "\n```",
        dump(BOARD).replace(":", "：").replace(", ", "，"),
    ],
)
def test_what_is_nearly_json_is_mended(text: str) -> None:
    raw = parse(text)

    assert raw["title"] == "森林"
    assert [scene["scene_number"] for scene in raw["scenes"]] == [1, 2, 3]
    assert "画面1" in raw["scenes"][0]["description"]
    assert raw["scenes"][2]["action"].startswith("动作画面3")


@pytest.mark.parametrize("cut", range(20, len(PLAIN), 17))
def test_a_text_that_was_cut_off_keeps_its_whole_scenes(cut: int) -> None:
    whole = PLAIN[:cut].count("}")

    for text in (PLAIN[:cut], f"```json\n{PLAIN[:cut]}", f"```json\n{PLAIN[:cut]}\n```\n完"):
        try:
            raw = parse(text)
        except OutputInvalid:
            raw = {"scenes": []}
        found = [scene.get("description") for scene in raw["scenes"]]
        assert "完" not in dump(raw)  # what comes after a fence is no text of the last scene
        assert found[:whole] == WANTED[:whole]


@pytest.mark.parametrize(
    "text",
    [
        *("{" * 200_000, '[{"a":' * 33_000, '["' + 'a"b' * 66_000, "{" + "{]```null" * 20_000, "{/*" * 60_000),
        *("<think>" * 28_000, "思考：\n" * 50_000, '{"description":"a"}' * 10_000, '{"a":"' + "\\" * 190_000),
        '{"scenes":[' + '{"description":"a","action":"b"},' * 6_000,
        "{" + ",".join(f'"{n}":1' for n in range(22_000)) + "}",
        '{"scenes": ["' + '{"scenes": ["' * 15_000,
    ],
    ids=range(12),
)
def test_hostile_texts_end_soon(text: str) -> None:
    begun = time.process_time()

    with suppress(OutputInvalid):
        validate(parse(text[:200_000]), REQUEST)

    assert time.process_time() - begun < 4  # below 2 on a machine with nothing else to do
