"""Numbers in Chinese characters are read the same wherever they stand."""

from __future__ import annotations

import pytest

from shared.board.chinese import chinese_number
from shared.board.duration import read_duration
from shared.board.entry import read_number
from shared.board.quantities import number

NUMBERS = {"零": 0, "〇": 0, "一": 1, "两": 2, "九": 9, "十": 10, "十二": 12, "二十": 20, "三十五": 35, "九十九": 99}
HUNDREDS = {"一百": 100, "一百零五": 105, "一百二十": 120, "两百": 200, "三百四十五": 345, "九百九十九": 999}


@pytest.mark.parametrize(("text", "value"), [*NUMBERS.items(), *HUNDREDS.items()])
def test_a_number_has_one_value_everywhere(text: str, value: int) -> None:
    assert (chinese_number(text), number(text), read_duration(f"约{text}秒")) == (value, value, value)


@pytest.mark.parametrize("text", ["一", "九", "十", "十二", "二十", "三十五", "九十九"])
def test_a_scene_is_counted_so_too(text: str) -> None:
    assert read_number(f"第{text}镜") == NUMBERS[text]


def test_two_or_three_seconds_are_two_at_least() -> None:
    assert read_duration("两三秒") == 2


@pytest.mark.parametrize("text", ["", "二三", "十十", "百", "一百百", "一百十二三", "a", "5", "半"])
def test_what_is_no_number_has_none(text: str) -> None:
    assert chinese_number(text) is None
