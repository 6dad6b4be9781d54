"""The measures of texts, by tables in four languages: what is said back or debris, and what is not."""

from __future__ import annotations

import pytest

from shared.board.prompt_words import is_found, says_back
from tests.quality.measures_names import distance, spelt
from tests.quality.measures_text import (
    has_debris,
    has_forbidden,
    in_script,
    repeated_share,
)


@pytest.mark.parametrize(
    ("text", "prompt", "expected"),
    [
        ("一个程序员在咖啡店找到灵感", "一个程序员在咖啡店找到灵感的故事", True),
        ("程序员在咖啡店里坐下，点了一杯拿铁，窗外下着雨", "一个程序员在咖啡店找到灵感的故事", False),
        ("finds a message in a bottle.", "A lighthouse keeper finds a message in a bottle", True),
        ("The keeper holds the bottle against the light", "A lighthouse keeper finds a message in a bottle", False),
        ("少年ハルトが凧をあげる", "夕焼けの海で少年ハルトが凧をあげる", True),
        ("Un viaje en tren de Cusco", "Un viaje en tren de Cusco a Aguas Calientes", True),
        ("海", "海", False),  # a thing that the board is of, and no sentence
        ("Gullhaven", "Captain Ilse Marrow and the town of Gullhaven", True),
        (
            "在雨后的晒谷场听见唢呐声",
            "沈砚秋在石桥上放下竹篮。" * 60 + "在雨后的晒谷场听见唢呐声。" + "邮差走了。" * 60,
            True,
        ),
        (
            "在雨后的集市看见沈砚秋",
            "沈砚秋在石桥上放下竹篮。" * 60 + "雨后的晒谷场。" * 9 + "邮差在集市看见裁缝。" * 60,
            False,
        ),
    ],
)
def test_a_text_says_the_prompt_back_where_it_is_a_stretch_of_it(text: str, prompt: str, expected: bool) -> None:
    assert says_back(text, prompt) is expected


def test_a_text_whose_words_stand_all_over_a_long_prompt_does_not_say_it_back() -> None:
    phrases = ["雨后天晴", "今后的路", "他的集子", "集市散了", "城市看着", "看见了", "没见裁判", "裁缝铺"]

    assert not says_back("雨后的集市看见裁缝", "。邮差走过石桥放下竹篮，听唢呐声渐远。".join(phrases))


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ("雾慢慢散开，一只鹿抬头看向镜头", False),
        ("然后在咖啡馆中工作，然后在咖啡馆中学习，然后在咖啡馆中学习", True),
        ("The fog lifts and a deer looks up at the camera", False),
        ("He picks up the brush, then he picks up the brush, then he picks up the brush", True),
        ("海", False),
    ],
)
def test_what_a_text_had_before_is_counted(text: str, repeated: bool) -> None:
    again, runs = repeated_share(text)

    assert (again * 4 > runs) is repeated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('雾散开", "camera": "wide shot', True),
        ("A fox {running}", True),
        ("The end<|im_end|>", True),
        ("画面描述：一只鹿", True),
        ("line one\\nline two", True),
        ("```json", True),
        ("山峦起伏。“,”描述为：云雾缭绕", True),
        ("他说：“你好，朋友。”", False),
        ("She writes 10:30 on the board, then leaves", False),
        ('She reads "home" aloud', False),
        ("El reloj marca las 7:15", False),
    ],
)
def test_marks_of_json_and_of_instructions_are_debris(text: str, expected: bool) -> None:
    assert has_debris(text) is expected


@pytest.mark.parametrize(
    ("text", "prompt", "expected"),
    [
        ("A beautiful valley at dawn", "a valley", True),
        ("a CINEMATIC view in 8K", "a valley", True),
        ("Filmed on Arri", "a valley", True),
        ("唯美的江南水乡", "江南水乡", True),
        ("A valley at dawn", "a valley", False),
        ("The canonical answer", "a valley", False),
        ("The Leica lies on the table", "An advert for the Leica M3", False),  # the prompt's own word
    ],
)
def test_words_that_guides_forbid_are_found_unless_the_prompt_brought_them(
    text: str, prompt: str, expected: bool
) -> None:
    assert has_forbidden(text, prompt) is expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("程序员打开MacBook Pro", "zh", True),
        ("The programmer opens a laptop", "zh", False),
        ("プログラマーがノートを開く", "zh", False),
        ("少年が凧をあげる", "ja", True),
        ("少年放风筝", "ja", False),
        ("Le train part", "fr", True),
        ("火车离开", "fr", False),
        ("4711", "de", True),
    ],
)
def test_the_script_of_a_text_is_that_of_its_language(text: str, language: str, expected: bool) -> None:
    assert in_script(text, language) is expected


@pytest.mark.parametrize(
    ("name", "text", "right", "misses"),
    [
        ("Basilica da Estrela", "The Basilica da Estrela glows", 1, []),
        ("Basilica da Estrela", "The Basillica da Estrela glows", 0, ["Basillica da Estrela"]),
        ("iPhone 15 Pro Max 256GB", "the iPhone 15 Pro Max 256GB rings", 1, []),
        ("iPhone 15 Pro Max 256GB", "the iPhone 14 Pro Max 256GB rings", 0, ["iPhone 14 Pro Max 256GB"]),
        ("Nimbus X2", "the nimbus X2", 0, ["nimbus X2"]),
        ("Camille", "Camilles Briefe, Camille's letters", 2, []),  # endings are no misspelling
        ("Mars", "cars and Marsh", 1, []),  # "Marsh" may be an ending: not told apart
        ("Mei", "Mey", 0, []),  # too short to be told from another word
        ("可口可乐零糖", "桌上放着可口可乐零糖，可口可乐无糖也在", 1, ["可口可乐无糖"]),
        ("伏見稲荷大社", "朝の伏見稲荷大社、伏見稲荷神社", 1, ["伏見稲荷神社"]),
        ("李云帆", "李云飞走进石窟", 0, []),  # of three characters, another person
        ("Aguas Calientes", "llegan a Aguas Calientes", 1, []),
        ("Aguas Calientes", "llegan a Aguas Caliente", 0, ["Aguas Caliente"]),
        ("330毫升", "一罐330毫升", 1, []),
        ("Barbate", "la almadraba de BarbATE", 0, ["BarbATE"]),
        ("Chez Odette", "la boulangerie ChezOdette", 0, ["ChezOdette"]),
        ("Brindlemoor", "Brindlemor, Bridlemoor and toBrindlemoor", 0, ["Brindlemor", "Bridlemoor", "toBrindlemoor"]),
        ("Pixel-7", "Pixel-7 folds, Pixel-1 waits", 1, ["Pixel-1"]),
    ],
)
def test_a_name_is_spelt_as_in_the_prompt_or_nearly(name: str, text: str, right: int, misses: list[str]) -> None:
    assert spelt([name], text) == (right, misses)
    assert is_found(name, text) is (right > 0)


def test_a_longer_name_is_counted_before_one_that_it_holds() -> None:
    assert spelt(["Lisbon", "Lisbon Tower"], "Lisbon Tower stands in Lisbon") == (2, [])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("", "", 0), ("abc", "abc", 0), ("Basilica", "Basillica", 1), ("玉龙雪山", "玉龙山", 1)],
)
def test_the_distance_is_levenshteins(one: str, other: str, expected: int) -> None:
    assert distance(one, other) == distance(other, one) == expected
