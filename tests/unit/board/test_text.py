"""Texts are shown as people read them: no entities, no doubled escapes, and the joiners that scripts need.

Inputs as in mynlp/jigg#58 (entities in JSON), google-ai-edge/LiteRT-LM#3329 (doubled line breaks), jhy/jsoup#1227,
kepano/defuddle#103 and diegosouzapw/OmniRoute#12186 (lost joiners).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.board.refusal import is_refusal
from shared.board.text import clean, folded


def cleaned(value: object) -> str:
    return clean(value, "text", [])


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("他说&quot;你好&quot;&amp;挥手", '他说"你好"&挥手'),
        ("it&#39;s &#x4e2d;", "it's 中"),
        ("&amp;quot;a&amp;quot;", '"a"'),
        ("&amp;amp;amp;lt;", "<"),
        ("a&nbsp;b", "a b"),
        ("one<br/>two", "one two"),
        ("第一行\\n第二行", "第一行 第二行"),
        ("第一行\\\\n\\n第二行", "第一行 第二行"),
        ('she says \\"hi\\"', 'she says "hi"'),
        ("it\\'s late", "it's late"),
        ("\\u4e2d\\u6587 \\ud83d\\ude00", "中文 😀"),
        ("\\u0026quot;", '"'),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("👨\u200d👩\u200d👧 at home", "👨\u200d👩\u200d👧 at home"),
        (
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        ),
        ("שלום\u200f!", "שלום\u200f!"),
        ("h\u200ce\u200dl\u200blo", "hello"),
        ("\ufeffsoft\u00adly\u202e", "softly"),
        ("left\u200e mark", "left mark"),
        ("\u200c\u200d", ""),
        ({"visual": "雾", "mood": "静"}, "雾，静"),
        ({"visual": "fog", "parts": ["light", None, True, 3, float("nan")]}, "fog, light, 3"),
    ],
)
def test_artefacts_are_read_as_what_they_mean(given_text: object, shown: str) -> None:
    assert cleaned(given_text) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("C:\\new\\table.txt 在屏幕上", "\\\\nas\\films", r"the regex \d+\n on a blackboard", r"a \LaTeX formula \nu"),
        *("AT&T & sons", "a &unknownentity; stays", "R&D;", "100 % <b>bold</b>", "a back\\slash"),
    ],
)
def test_what_only_looks_like_an_artefact_stays(text: str) -> None:
    repairs: list[str] = []

    assert clean(text, "text", repairs) == text
    assert repairs == []


@pytest.mark.parametrize(
    "nothing", [None, "", "NaN", "null", "undefined", float("nan"), float("inf"), [], {}, True, [[None]]]
)
def test_what_says_nothing_is_no_text(nothing: object) -> None:
    assert cleaned(nothing) == ""


def test_every_change_is_told() -> None:
    repairs: list[str] = []

    clean(" a&amp;b\x00 ", "scene 1: action", repairs)

    assert len(repairs) == 2
    assert all(repair.startswith("scene 1: action: ") for repair in repairs)


@given(st.text(alphabet=st.sampled_from("&#amp;quot382\\nu4e <br>é中\u200c\u200d\u200f\u00adא \x00"), max_size=40))
def test_a_clean_text_is_clean(text: str) -> None:
    once = cleaned(text)

    assert cleaned(once) == once
    assert once == once.strip()


@pytest.mark.parametrize("text", ["&" * 200_000, "&amp;" * 40_000, "\\" * 200_000, "\\u4e2d" * 33_000, "<br" * 60_000])
def test_long_artefacts_take_no_time(text: str) -> None:
    cleaned(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry I can’t help with that",
        "Sorry, I cannot continue this story.",
        "I cannot assist with this request.",
        "As an AI language model, I am unable to write this.",
        "Unfortunately, I won't be able to create this storyboard.",
        "抱歉，我不能。",
        "很抱歉，我无法为您提供该内容。",
        "作为一个人工智能语言模型，我不能创作这样的脚本",
        "我无法协助完成该请求",
    ],
)
def test_a_refusal_is_known_by_its_beginning(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "He says: I'm sorry, I can't help you.",
        "“对不起，我不能留下。”她说",
        "I cannot help but smile at the sea",
        "I can't see the shore any more",
        "抱歉的表情，男人低下头",
        "Sorry sits on the wall in red paint",
        "我不能忘记那个夏天",
        "An apology letter on the table",
        "",
    ],
)
def test_a_scene_in_which_somebody_is_sorry_is_none(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(("one", "other"), [("A cat.", " a  CAT"), ("雾，散开", "雾 散开。"), ("Ａ", "a")])
def test_texts_are_alike_but_for_blanks_case_and_punctuation(one: str, other: str) -> None:
    assert folded(one) == folded(other)
    assert folded("...") != folded("!")
