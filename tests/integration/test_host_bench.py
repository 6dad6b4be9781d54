"""What the host does for a step stays what it was, in calls of functions: those are the same on each machine."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.bench import host
from tests.bench.step_parts import CARD, Stopwatch, measuring
from tests.threads import computing_with

ROWS = 8
# Of a step of so many rows; `make bench ARGS=host` has what they cost.
CALLS = {"masks: fill": 20, "masks: narrow": 62, "accept: token": 152, "accept: repetition": 190, "whole": 970}
ALLOWED = 1.3  # random texts repeat themselves more or less


class Calls:
    """A clock that goes on with each call of a function, C's among them, in this thread and those that it starts."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> float:
        return self._count

    def note(self, _frame: object, event: str, _what: object) -> None:
        if event in {"call", "c_call"}:
            self._count += 1


@pytest.fixture
def calls() -> Iterator[Calls]:
    """Counted with one thread of torch's, as on a host beside a card."""
    clock, before = Calls(), (sys.getprofile(), threading.getprofile())
    with computing_with(1):
        threading.setprofile(clock.note)
        sys.setprofile(clock.note)
        yield clock
        sys.setprofile(before[0])
        threading.setprofile(before[1])


def test_a_step_calls_no_more_functions_than_it_did(calls: Calls) -> None:
    words, _ = host.tokenizer()

    seen = host.measure(ROWS, host.BATCHINGS[-1], words, clock=calls)

    counts = seen.parts | {"whole": seen.steps.host_s}
    assert {name: counts[name] for name, most in CALLS.items() if not 0 < counts[name] < ALLOWED * most} == {}
    assert seen.steps.serial_s < 1, "something of a step runs while the card has nothing to do"


def test_each_part_of_a_step_has_a_function_that_can_be_timed() -> None:
    with measuring(time.process_time) as stopwatch:
        assert stopwatch.seconds() == {}


class Clock:
    """Goes on only when it is let."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds


def test_a_moment_counts_for_the_innermost_part() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    masks = stopwatch.timed(lambda: clock.spend(2), "masks")

    def step() -> None:
        clock.spend(4)
        masks()
        clock.spend(8)

    run = stopwatch.timed(step, "engine")
    run()
    assert stopwatch.seconds() == {}, "another thread was counted"
    stopwatch.thread_id = threading.get_ident()
    run()

    assert stopwatch.seconds() == {"engine": 12, "masks": 2}


@pytest.mark.parametrize(
    ("order", "serial_s"),
    [
        ("wait accept forward masks choose", 1),  # a step at a time: only the masks run beside the pass
        ("forward wait accept masks choose", 0),  # one ahead: the pass after the choice is at work all the while
    ],
)
def test_what_the_host_does_beside_no_forward_pass_is_serial(order: str, serial_s: float) -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    stopwatch.thread_id = threading.get_ident()
    after = {"wait": stopwatch.waited, "forward": stopwatch.launched, "choose": stopwatch.chose}
    parts = {name: stopwatch.timed(lambda: clock.spend(1), CARD, note) for name, note in after.items()}
    parts |= {name: stopwatch.timed(lambda: clock.spend(1), name) for name in ("accept", "masks")}
    for name in ["forward", "choose", *order.split()]:
        parts[name]()
    before = stopwatch.serial_s

    for name in order.split():
        parts[name]()

    assert stopwatch.serial_s - before == serial_s
    assert stopwatch.seconds()["masks"] == 2


def test_what_the_measuring_costs_is_taken_off() -> None:
    clock = Clock()

    def slow() -> float:
        clock.spend(1)
        return clock.now

    stopwatch = Stopwatch(slow)
    stopwatch.thread_id = threading.get_ident()
    masks = stopwatch.timed(lambda: clock.spend(16), "masks")
    stopwatch.timed(masks, "engine")()

    assert stopwatch.seconds()["masks"] == pytest.approx(16)
