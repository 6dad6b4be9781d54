"""A string that says a short phrase over and over is noticed at once, and no other is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.closing import LOOP_TIMES, LOOP_TOKENS, MAX_PERIOD, LoopWatch


def loops(tokens: list[int]) -> bool:
    """The definition: the end is a phrase of at most `MAX_PERIOD` tokens, said often enough and for long enough."""
    for period in range(1, MAX_PERIOD + 1):
        times = max(LOOP_TIMES, -(-LOOP_TOKENS // period))
        if len(tokens) >= period * times and tokens[-period * times :] == tokens[-period:] * times:
            return True
    return False


def first_noticed(tokens: list[int]) -> list[bool]:
    watch = LoopWatch()
    return [watch.note(token) for token in tokens]


@pytest.mark.parametrize(
    ("period", "noticed_after"), [(1, 24), (2, 24), (3, 24), (5, 25), (7, 28), (8, 24), (9, 27), (16, 48)]
)
def test_a_phrase_is_a_loop_after_three_times_and_24_tokens(period: int, noticed_after: int) -> None:
    noticed = first_noticed([-1, -2, *list(range(period)) * 60])

    assert noticed.index(True) == 2 + noticed_after - 1
    assert all(noticed[2 + noticed_after - 1 :])


def test_a_phrase_of_more_tokens_is_none() -> None:
    assert not any(first_noticed(list(range(MAX_PERIOD + 1)) * 30))


@given(st.lists(st.tuples(st.lists(st.integers(0, 3), max_size=18), st.integers(1, 30)), max_size=6))
def test_it_agrees_with_its_definition_at_every_token(parts: list[tuple[list[int], int]]) -> None:
    tokens = [token for phrase, times in parts for token in phrase * times][:300]

    assert first_noticed(tokens) == [loops(tokens[: end + 1]) for end in range(len(tokens))]
