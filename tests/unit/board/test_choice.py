"""One of several boards is chosen by rules that stand in an order, and the words say which of them decided."""

from __future__ import annotations

from typing import Any

import pytest

from scriptqueue.schemas import JobRequest, Storyboard
from shared.board.choice import RULES, Candidate, choose_board
from shared.board.prompt_words import names_in
from shared.board.scenes import assemble

PROMPT = "一只猫在《雨巷》里遇见 Basilica，清晨的雾慢慢散开，它穿过石桥走向远处的灯塔"
REQUEST = JobRequest(prompt=PROMPT, targets=("wan-2.2",))
SCENES = [
    {"description": "雨巷里的猫抬头看见Basilica的尖塔", "action": "它停下脚步", "camera": "wide shot"},
    {"description": "石阶上积着水，映出橘色的灯", "action": "水面荡开一圈波纹", "camera": "close up"},
    {"description": "邮差推着自行车经过拐角", "action": "铃声惊起一群鸽子", "camera": "medium shot"},
]


def board(*changes: dict[str, Any], title: str = "雨巷", request: JobRequest = REQUEST) -> Storyboard:
    """Of the scenes above, each with its change."""
    scenes = [{**scene, "duration": 5, **change} for scene, change in zip(SCENES, [*changes, {}, {}, {}], strict=False)]
    return assemble(title, scenes, request)


GOOD = board()
OF_THE_PROMPT = "清晨的雾慢慢散开，它穿过石桥走向远处的灯塔"
WORSE: dict[str, Candidate] = {
    "early ends": Candidate(GOOD, early=True),
    "scenes that repeat another": Candidate(board({}, {**SCENES[0], "camera": "close up"})),
    "scenes nearly like another": Candidate(
        board({}, {"description": SCENES[0]["description"] + "了", "action": SCENES[0]["action"]})
    ),
    "limits of video models missed": Candidate(board({}, {"duration": 8})),
    "texts that say the prompt back": Candidate(board({}, {"description": OF_THE_PROMPT})),
    "names of the prompt missing": Candidate(board({"description": "雨巷里的猫抬头看见尖塔"})),
    "boards with one camera": Candidate(board(*[{"camera": "wide shot"}] * 3)),
}


@pytest.mark.parametrize("what", WORSE)
def test_the_one_without_the_fault_is_chosen_and_the_fault_is_named(what: str) -> None:
    for others, place in ([WORSE[what], Candidate(GOOD)], 1), ([Candidate(GOOD), WORSE[what]], 0):
        choice = choose_board(others, REQUEST)

        assert choice is not None
        assert choice.place == place
        assert f" {what} (candidate {2 - place}: " in choice.words


def test_every_rule_has_its_case() -> None:
    assert {rule.what for rule in RULES} == {*WORSE, "signs of another language"}


def test_another_language_is_the_worst_fault() -> None:
    request = JobRequest(prompt="猫", language="zh")
    english = board(*[{"description": "A cat walks along the old stone bridge", "action": "It stops"}] * 3)

    choice = choose_board([Candidate(english), Candidate(board(), early=True)], request)

    assert choice is not None
    assert (choice.place, choice.words) == (
        1,
        "candidate 2 of 2 was chosen: 0 signs of another language (candidate 1: 1)",
    )


def test_an_earlier_rule_goes_before_a_later_one_and_each_that_decided_is_named() -> None:
    repeats, flat = WORSE["scenes that repeat another"], WORSE["boards with one camera"]

    choice = choose_board([repeats, Candidate(None), flat, Candidate(GOOD)], REQUEST)

    assert choice is not None
    assert choice.place == 3
    assert choice.words == (
        "candidate 4 of 4 was chosen: candidate 2 has no valid board; 0 scenes that repeat another (candidate 1: 1); "
        "0 boards with one camera (candidate 3: 1)"
    )


def test_of_equals_the_first_is_chosen_and_of_none_none() -> None:
    choice = choose_board([Candidate(None), Candidate(GOOD), Candidate(GOOD)], REQUEST)

    assert choice is not None
    assert choice.words == "candidate 2 of 3 was chosen: candidate 1 has no valid board"
    equal = choose_board([Candidate(GOOD), Candidate(GOOD)], REQUEST)
    assert equal is not None
    assert equal.words == "candidate 1 of 2 was chosen: no rule tells it from the others"
    assert choose_board([Candidate(None), Candidate(None)], REQUEST) is None


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("雨中的猫", ()),
        ("雨中的猫，三个镜头，30秒", ()),
        ("为 Coca-Cola 和iPhone 15写一支广告", ("Coca-Cola", "iPhone")),
        ("《雨巷》里的“小雨”", ("雨巷", "小雨")),
        ("他说：“我们走吧，天快亮了。”", ()),
        ("A cat in the rain. The dog barks.", ()),
        ("A robot meets Zoe-Ann in the Basilica. Mars is far", ("Zoe-Ann", "Basilica")),
        ("an advert for the GPT-4 toaster by OpenAI", ("GPT-4", "OpenAI")),
        ("A CAT IN THE RAIN", ()),
        ("La lluvia cae sobre Córdoba", ("Córdoba",)),
        ("４Ｋ ｉＰｈｏｎｅ を 紹介する動画を作ってください", ("4K", "iPhone")),
    ],
)
def test_what_a_prompt_names_is_what_writing_marks(prompt: str, names: tuple[str, ...]) -> None:
    assert names_in(JobRequest(prompt=prompt)) == names


def test_those_of_the_cast_are_named() -> None:
    cast = ({"id": "yu", "name": "小雨", "look": "红色雨衣"},)

    assert names_in(JobRequest.model_validate({"prompt": "雨中的猫", "characters": cast})) == ("小雨",)
