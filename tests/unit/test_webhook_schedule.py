"""When a failed try is worth another."""

from __future__ import annotations

import pytest

from worker.webhooks.schedule import DELAYS_S, HOUR, next_try_s


def soonest(tries: int, retry_after_s: float | None = None, *, final: bool = True) -> float | None:
    return next_try_s(final, tries, retry_after_s, lambda: 0.0)


def test_the_tries_of_a_final_event_spread_over_about_a_day_and_end() -> None:
    assert [soonest(tries) for tries in range(1, len(DELAYS_S) + 1)] == list(DELAYS_S)
    assert soonest(len(DELAYS_S) + 1) is None
    assert 20 * HOUR < sum(DELAYS_S) < 30 * HOUR


def test_news_of_a_running_job_has_one_try() -> None:
    assert soonest(1, final=False) is None


def test_what_failed_together_does_not_come_back_together() -> None:
    assert next_try_s(True, 1, None, lambda: 1.0) == pytest.approx(DELAYS_S[0] * 1.2)


@pytest.mark.parametrize(("requested_s", "expected_s"), [(0, 5), (60, 60), (10 * HOUR, HOUR), (float("inf"), HOUR)])
def test_a_receiver_may_ask_for_more_time_up_to_an_hour(requested_s: float, expected_s: float) -> None:
    assert soonest(1, requested_s) == expected_s
