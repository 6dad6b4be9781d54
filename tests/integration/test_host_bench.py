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
FIGURES = json.loads((RESULTS / "summary.json").read_text())["figures"]


@pytest.mark.slow
def test_a_step_of_64_rows_costs_the_host_no_more_than_it_did() -> None:
    torch.set_num_threads(1)
    words, which = host.tokenizer()

    seen = host.judged(host.measure(host.JUDGED, host.BATCHINGS[-1], words), host.JUDGED, which)

    ratios = {name: figure.ratio for name, figure in seen.items()}
    assert {name: ratio for name, ratio in ratios.items() if ratio > ALLOWED * FIGURES[name]["ratio"]} == {}


def test_every_function_that_is_timed_is_there() -> None:
    with measuring(time.process_time) as stopwatch:
        assert stopwatch.seconds() == {}


class Clock:
    """Goes on only when it is let."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds


def test_a_moment_counts_for_the_innermost_part_and_as_serial_while_the_card_rests() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    launch = stopwatch.timed(lambda: clock.spend(1), CARD, lambda: setattr(stopwatch, "busy", True))
    masks = stopwatch.timed(lambda: clock.spend(2), "masks")

    def step() -> None:
        clock.spend(4)
        launch()
        masks()
        clock.spend(8)

    run = stopwatch.timed(step, "engine")
    run()
    assert stopwatch.seconds() == {}, "another thread was counted"
    stopwatch.thread_id, stopwatch.busy = threading.get_ident(), False
    run()

    assert stopwatch.seconds() == {"engine": 12, CARD: 1, "masks": 2}
    assert stopwatch.serial_s == 4


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
