"""How long a text takes to be said. Rates: the board contract, and what `SPEECH_RATES` names as its source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.board.speaking import fits_in, seconds_to_say


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("... — !", 0),
        ("一二三四", 4 / 4.1),
        ("雨停了，她笑了。", 8 / 4.1),  # a comma is heard as a pause
        ("ひらがなカタカナ", 8 / 4.1),
        ("one two three four five", 2.0),
        ("don't well-known", 0.8),
        ("uno dos  tres\nquatro", 1.6),
        ("안녕하세요 여러분", 0.8),  # blanks stand between its words
        ("Привет, мир", 0.8),
        ("用 iPhone 拍", 2 / 4.1 + 0.4),
        ("2025 年", 5 / 4.1),
        ("สวัสดี", 0.4),  # its marks belong to the letter before them
        ("a" * 45, 1.2),  # a text without blanks is not free
        ("नमस्ते दुनिया", 0.8),
    ],
)
def test_a_text_takes_as_long_as_its_script_is_spoken(text: str, seconds: float) -> None:
    assert seconds_to_say(text) == pytest.approx(seconds)


def test_what_fits_exactly_fits() -> None:
    assert fits_in("字" * 41, 10)
    assert not fits_in("字" * 42, 10)
    assert fits_in("word " * 10, 4)
    assert not fits_in("word " * 11, 4)


@given(st.text(), st.text())
def test_more_text_never_takes_less(text: str, more: str) -> None:
    both = seconds_to_say(text + more)
    assert both >= seconds_to_say(text) - 1e-9
    assert both <= seconds_to_say(text) + seconds_to_say(more) + 1e-9
