"""What a text has said already is discouraged; names and structure are not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.repetition import FIRST_PENALTY, FREE_TOKENS, GROWTH, MAX_EXCESS, Repetition


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

    assert after(phrase, phrase[: FREE_TOKENS - 1]) == {}


def test_the_token_that_would_go_on_repeating_is_penalised_more_with_every_token() -> None:
    phrase = list(range(10, 30))

    assert after(phrase, phrase[:FREE_TOKENS]) == {phrase[FREE_TOKENS]: FIRST_PENALTY}
    assert after(phrase, phrase[: FREE_TOKENS + 1]) == {phrase[FREE_TOKENS + 1]: FIRST_PENALTY * GROWTH}


def test_the_penalty_has_a_limit() -> None:
    phrase = list(range(100))

    assert after(phrase, phrase[:60])[60] == FIRST_PENALTY * GROWTH**MAX_EXCESS


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
        if length >= FREE_TOKENS and follower is not None:
            penalty = FIRST_PENALTY * GROWTH ** min(length - FREE_TOKENS, MAX_EXCESS)
            found[follower] = max(found.get(follower, 0.0), penalty)
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
