"""When a worker that loads its model is taken for one that stands still, and above all when it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from worker.exits import EXIT_BROKEN
from worker.loading import MIN_BYTES_PER_S, MIN_CPU_SHARE, Effort, StandstillDetector, effort_of
from worker.watchdog import MAX_GAP_S, Verdict

PATIENCE_S = 20
NOTHING = Effort(cpu_s=3.0, disk_bytes=10_000, faults=7)


def judged(looks: Callable[[int], Effort], seconds: int = 200, from_s: float = 1e6) -> list[Verdict]:
    """What is said of one look a second, until something is."""
    watch = StandstillDetector(PATIENCE_S)
    verdicts = (watch.judge(looks(second), from_s + second) for second in range(seconds))
    return [verdict for verdict in verdicts if verdict]


def test_a_load_that_does_nothing_at_all_is_noticed() -> None:
    first = judged(lambda second: NOTHING)[0]

    assert first == Verdict("loading has stood still for 20 s: no CPU time, nothing read", EXIT_BROKEN)


@pytest.mark.parametrize(
    "looks",
    [
        lambda second: Effort(second * 0.9, 0, 0),  # a text of proof on a slow processor
        lambda second: Effort(second * 0.02, 0, 0),  # the same beside fifty others
        lambda second: Effort(0, second * 2_000_000, 0),  # 12 GB from a slow disk
        lambda second: Effort(0, second * 4 * 1024, 0),  # a download over a bad line
        lambda second: Effort(0, 0, second // 15),  # a mapped file, and a page now and then
        lambda second: Effort((second // 15) * 1.0, 0, 0),  # bursts
        lambda second: Effort(0, (second // 15) * 1_000_000, 0),  # a file server that comes back
    ],
)
def test_a_load_that_goes_on_however_slowly_is_left_alone(looks: Callable[[int], Effort]) -> None:
    assert judged(looks, 3600) == []


@pytest.mark.parametrize(
    "looks",
    [
        lambda second: Effort(min(second, 30) * 1.0, 0, 0),  # a burst, and then a deadlock
        lambda second: Effort(second * MIN_CPU_SHARE / 2, 0, 0),  # a loop that waits for what never comes
        lambda second: Effort(0, int(second * MIN_BYTES_PER_S / 2), 0),  # its log says that Redis is away
        lambda second: Effort(-float(second), 0, 0),  # whatever a clock does
    ],
)
def test_what_only_seems_to_work_is_noticed(looks: Callable[[int], Effort]) -> None:
    assert judged(looks)[0].exit_code == EXIT_BROKEN


def test_a_process_that_stood_still_itself_missed_nothing() -> None:
    watch = StandstillDetector(PATIENCE_S)
    for second in range(PATIENCE_S):
        assert watch.judge(NOTHING, second) is None

    assert watch.judge(NOTHING, PATIENCE_S + MAX_GAP_S) is None


def test_what_breaks_beside_the_load_ends_it_at_once() -> None:
    broken = Effort(1.0, 0, 0, broken="the thread of the heartbeats has ended")

    assert StandstillDetector(PATIENCE_S).judge(broken, 1e6) == Verdict(str(broken.broken), EXIT_BROKEN)


def test_the_effort_of_a_process_is_its_cpu_time_without_that_of_the_threads_that_always_run() -> None:
    ended = threading.Event()

    def spin() -> None:
        while not ended.is_set():
            sum(range(1000))

    before = effort_of()
    other = threading.Thread(target=spin)
    other.start()
    try:
        started = time.process_time()
        while time.process_time() - started < 0.3:
            time.sleep(0.01)
        assert other.native_id is not None
        alone, with_it = effort_of({other.native_id}), effort_of()
    finally:
        ended.set()
        other.join()

    assert with_it.cpu_s - before.cpu_s > 0.2
    assert alone.cpu_s - before.cpu_s < (with_it.cpu_s - before.cpu_s) / 2
