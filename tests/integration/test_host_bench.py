"""What the host spends on a step stays what it was, as a share of what this machine takes for an empty loop."""

from __future__ import annotations

import json
import threading
import time

import pytest
import torch

from tests.bench import host
from tests.bench.report import RESULTS
from tests.bench.step_parts import CARD, Stopwatch, measuring

ALLOWED = 1.5  # times the committed ratio: other guests slow a loop and a walk through a vocabulary differently
NEARLY_NOTHING = 1.0  # of a ratio: what runs beside no forward pass is 0 ms
FIGURES = json.loads((RESULTS / "summary.json").read_text())["figures"]


@pytest.mark.slow
def test_a_step_of_64_rows_costs_the_host_no_more_than_it_did() -> None:
    torch.set_num_threads(1)
    words, which = host.tokenizer()

    seen = host.judged(host.measure(host.JUDGED, host.BATCHINGS[-1], words), host.JUDGED, which)

    most = {name: ALLOWED * FIGURES[name]["ratio"] + NEARLY_NOTHING for name in seen}
    assert {name: figure.ratio for name, figure in seen.items() if figure.ratio > most[name]} == {}


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
