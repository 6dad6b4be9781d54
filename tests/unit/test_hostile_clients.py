"""What `make chaos` makes of the good client's times and of the hostile one's rounds: it fails whenever it must."""

from __future__ import annotations

import pytest

from tests.chaos.attacks import ATTACKS, Tally
from tests.chaos.hostile import Felt, as_before, quick, went_on, whole

SECONDS = 300.0


def felt(posts: int = 100, jobs: int = 100, webhooks: int = 100) -> Felt:
    return Felt([0.01] * posts, [1.0] * jobs, [1.1] * webhooks)


def rounds(**came_to: dict[str, int]) -> Tally:
    return {attack.name: {attack.comes_to: int(SECONDS / attack.every_s)} for attack in ATTACKS} | came_to


@pytest.mark.parametrize("slow", [0, 1])
def test_quick_are_posts_of_which_one_in_a_hundred_is_slow(slow: int) -> None:
    assert "p99 0.01 s" in quick(Felt([0.01] * (100 - slow) + [9.0] * slow))


@pytest.mark.parametrize("posts", [[0.01] * 97 + [0.25] * 3, [0.26] * 100, [9.0], []])
def test_slow_posts_are_a_broken_promise(posts: list[float]) -> None:
    with pytest.raises(AssertionError):
        quick(Felt(posts))


@pytest.mark.parametrize("beside", [[1.0] * 9, [1.2] * 9, [0.5] * 9, [1.0] * 5 + [2.0] * 4, [1.0] * 100 + [30.0]])
def test_the_median_may_be_a_fifth_longer_and_one_in_a_hundred_twice_as_long(beside: list[float]) -> None:
    assert "without it n 9" in as_before([1.0] * 9, beside)


@pytest.mark.parametrize(
    ("alone", "beside"),
    [
        ([1.0], [1.21]),
        ([1.0] * 9, [1.0] * 4 + [1.3] * 5),
        ([1.0] * 9, [1.0] * 97 + [8.0] * 3),
        ([1.0], []),
        ([], [1.0]),
        ([], []),
    ],
)
def test_slower_jobs_or_none_are_a_broken_promise(alone: list[float], beside: list[float]) -> None:
    with pytest.raises(AssertionError):
        as_before(alone, beside)


def test_all_came_of_each_post() -> None:
    assert whole(felt(), same_processes=True) == "100 jobs succeeded, each with its webhook"


@pytest.mark.parametrize(
    ("beside", "same_processes"),
    [
        (felt(), False),
        (felt(webhooks=99), True),
        (felt(jobs=99), True),
        (felt(posts=99), True),
        (Felt([0.1], [1.0], [1.0], ["job 7: TimeoutError"]), True),
    ],
)
def test_what_is_lost_is_a_broken_promise(beside: Felt, same_processes: bool) -> None:
    with pytest.raises(AssertionError):
        whole(beside, same_processes=same_processes)


def test_an_attack_may_be_slower_than_meant_and_be_answered_otherwise_at_times() -> None:
    assert "15 a deep queue" in went_on(rounds(a_deep_queue={"deep": 15, "202": 3, "ReadError": 1}), SECONDS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
@pytest.mark.parametrize("came_to", [{}, {"ConnectError": 9000}])
def test_an_attack_that_came_to_nothing_proves_nothing(attack: object, came_to: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        went_on(rounds(**{getattr(attack, "name", ""): came_to}), SECONDS)


def test_no_tally_proves_nothing() -> None:
    with pytest.raises(AssertionError):
        went_on({}, SECONDS)
