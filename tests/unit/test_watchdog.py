"""When a worker is taken for one that lives and does not work, and above all when it is not."""

from __future__ import annotations

from dataclasses import replace

from shared.settings import WorkerSettings
from worker.exits import EXIT_BROKEN, EXIT_REPLACE
from worker.watchdog import (
    DOORBELL_ANSWER_S,
    MAX_GAP_S,
    STEP_ON_CPU_S,
    STEP_S,
    Probe,
    StallDetector,
    Verdict,
    Watchdog,
    stall_detector_of,
)

IDLE = Probe(steps=7, unfinished=0, doorbells=0, answered=3, free=8)
STALLED = replace(IDLE, unfinished=2)
DEAF = replace(IDLE, doorbells=5)


def judged(watch: StallDetector, looks: list[Probe], from_s: float = 0) -> list[Verdict]:
    """What is said of one look a second."""
    verdicts = [watch.judge(look, from_s + second) for second, look in enumerate(looks)]
    return [verdict for verdict in verdicts if verdict]


def test_an_engine_that_makes_no_step_while_texts_wait_is_broken() -> None:
    (verdict,) = judged(StallDetector(10, 100), [STALLED] * 11)

    assert verdict == Verdict("no step for 10 s while 2 texts want one", EXIT_BROKEN)


def test_a_step_now_and_then_is_enough() -> None:
    looks = [replace(STALLED, steps=second // 8) for second in range(100)]

    assert judged(StallDetector(10, 100), looks) == []


def test_an_engine_without_texts_may_rest() -> None:
    assert judged(StallDetector(10, 10), [IDLE] * 100) == []


def test_a_text_that_comes_after_a_long_rest_has_its_full_time() -> None:
    assert judged(StallDetector(10, 100), [*[IDLE] * 50, *[STALLED] * 9]) == []


def test_doorbells_that_nobody_answers_though_rows_are_free_mean_a_deaf_worker() -> None:
    (verdict,) = judged(StallDetector(100, 10), [DEAF] * 11)

    assert verdict.exit_code == EXIT_REPLACE
    assert "5 doorbells wait and 8 rows are free" in verdict.reason
    assert judged(StallDetector(100, 10), [replace(DEAF, free=1)] * 11)


def test_a_worker_that_is_full_or_answers_or_hears_nothing_of_redis_is_not_deaf() -> None:
    full = [replace(DEAF, free=0)] * 100
    answering = [replace(DEAF, answered=second // 8) for second in range(100)]
    redis_away = [*[DEAF] * 9, *[replace(DEAF, doorbells=None)] * 60, *[DEAF] * 9]

    assert [judged(StallDetector(100, 10), looks) for looks in (full, answering, redis_away)] == [[], [], []]


def test_a_process_that_stood_still_itself_missed_nothing() -> None:
    watch = StallDetector(10, 10)
    judged(watch, [replace(STALLED, doorbells=5)] * 9)

    assert judged(watch, [replace(STALLED, doorbells=5)] * 9, from_s=8 + MAX_GAP_S + 1) == []


def test_an_engine_whose_thread_has_ended_is_broken_at_once() -> None:
    assert judged(StallDetector(10, 10), [replace(IDLE, broken="AcceleratorError")]) == [
        Verdict("AcceleratorError", EXIT_BROKEN)
    ]


def test_a_worker_that_cannot_be_looked_at_is_broken() -> None:
    def look() -> Probe:
        raise KeyError("steps")

    left: list[Verdict] = []
    watchdog = Watchdog(StallDetector(10, 10), look, left.append)
    watchdog.start()
    watchdog.join()

    assert left == [Verdict("it cannot be looked at: KeyError: 'steps'", EXIT_BROKEN)]
    assert not watchdog.alive


def test_a_slow_processor_has_more_time_for_a_step_than_a_gpu_and_the_setting_rules_both() -> None:
    def patience_s(watch: StallDetector, look: Probe) -> int:
        return next(second for second in range(2000) if watch.judge(look, second))

    unset, one = WorkerSettings(), WorkerSettings(stall_s=30)

    assert patience_s(stall_detector_of(unset, "cpu"), STALLED) == STEP_ON_CPU_S
    assert patience_s(stall_detector_of(unset, "cuda:1"), STALLED) == STEP_S
    assert patience_s(stall_detector_of(unset, "cpu"), DEAF) == DOORBELL_ANSWER_S
    assert {
        patience_s(stall_detector_of(one, device), look) for device in ("cpu", "cuda:0") for look in (STALLED, DEAF)
    } == {30}
