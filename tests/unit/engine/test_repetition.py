"""What a text has said already is discouraged; names and structure are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.repetition import (
    FIRST_PENALTY,
    FREE_WORDS,
    GROWTH,
    MAX_PENALTY,
    NAME_PENALTY,
    WORDS_OF_A_NAME,
    Repetition,
    penalty,
)


def after(*phrases: list[int]) -> dict[int, float]:
    """Penalties once these string values were written, the last one being unfinished."""
    repetition = Repetition()
    for number, phrase in enumerate(phrases):
        if number:
            repetition.note(None)
        for token in phrase:
            repetition.note(token)
    return repetition.penalties()


def test_a_short_phrase_may_be_said_again() -> None:
    phrase = list(range(10, 30))

    assert after(phrase, phrase[: FREE_WORDS - 1]) == {}


def test_the_token_that_would_go_on_repeating_is_penalised_more_with_every_token() -> None:
    phrase = list(range(10, 30))

    assert after(phrase, phrase[:FREE_WORDS]) == {phrase[FREE_WORDS]: FIRST_PENALTY}
    assert after(phrase, phrase[: FREE_WORDS + 1]) == {phrase[FREE_WORDS + 1]: FIRST_PENALTY * GROWTH}


@pytest.mark.parametrize("tokens", range(FREE_WORDS, WORDS_OF_A_NAME + 1))
def test_a_name_that_comes_again_costs_little(tokens: int) -> None:
    name = list(range(100))

    assert 0 < after(name, name[:tokens])[tokens] <= NAME_PENALTY < 4


@pytest.mark.parametrize("tokens", [WORDS_OF_A_NAME + 3, 60, 1000, 5000])
def test_a_sentence_that_comes_again_costs_much_but_not_without_limit(tokens: int) -> None:
    assert penalty(tokens) == MAX_PENALTY


def test_a_penalty_never_falls_with_the_length_of_what_is_repeated() -> None:
    penalties = [penalty(tokens) for tokens in range(FREE_WORDS, 100)]

    assert penalties == sorted(penalties)


def test_a_phrase_does_not_reach_over_the_end_of_a_string() -> None:
    first, second = [1, 2, 3], [4, 5, 6, 7]

    assert after(first, second, [9], first, second[:3]) == {}


def test_a_repetition_within_one_string_counts() -> None:
    phrase = [1, 2, 3, 4, 5]

    assert after([*phrase, 8, 9, *phrase]) == {8: FIRST_PENALTY}


def naive(tokens: list[int | None]) -> dict[int, float]:
    """The definition: for each earlier place, how long it agrees with the end."""
    found: dict[int, float] = {}
    for end in range(len(tokens) - 1):
        length = 0
        while length <= end and tokens[end - length] is not None and tokens[end - length] == tokens[-1 - length]:
            length += 1
        follower = tokens[end + 1]
        if length >= FREE_WORDS and follower is not None:
            found[follower] = max(found.get(follower, 0.0), penalty(length))
    return found


@given(st.lists(st.sampled_from([1, 2, 3, None]), min_size=1, max_size=900))
def test_it_agrees_with_its_definition_for_any_text(tokens: list[int | None]) -> None:
    while tokens and tokens[0] is None:
        tokens = tokens[1:]
    repetition = Repetition()
    for token in tokens:
        repetition.note(token)

    expected = naive(tokens) if tokens and tokens[-1] is not None else {}

    assert repetition.penalties() == expected
