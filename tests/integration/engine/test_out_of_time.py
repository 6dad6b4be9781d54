"""A text whose time runs out is closed by then, at whatever speed its row goes. The clock is an argument."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scriptqueue.schemas import JobRequest
from tests.integration.engine.conftest import BY_BOTH, MakeRequest, before_each_pass, engine_of
from tests.integration.engine.test_closing import checked
from worker.engine.batch import BatchEngine
from worker.engine.request import Output, SamplingParams
from worker.engine.serving import Batching
from worker.engine.time_left import TimeLeft

WILD = SamplingParams(1.2, 1.0, 3)


class PassClock:
    """A pass of the model takes `pass_s`, or what `takes_s` says of it by its number."""

    def __init__(self, pass_s: float = 1.0, takes_s: dict[range, float] | None = None) -> None:
        self.now_s, self.passes = 0.0, 0
        self._pass_s, self._takes_s = pass_s, takes_s or {}

    def __call__(self) -> float:
        return self.now_s

    def go_on(self, ids: list[int]) -> None:
        del ids
        self.passes += 1
        self.now_s += next((s for span, s in self._takes_s.items() if self.passes in span), self._pass_s)


def engine_at(clock: PassClock, loaded: Any, batching: Batching, **options: Any) -> BatchEngine:
    engine = engine_of(loaded.model, loaded, batching=batching, clock=clock, **{"max_batch": 1, **options})
    if batching == "loop":
        before_each_pass(engine, clock.go_on)
        return engine
    step = engine._batch.step

    def timed() -> bool:  # transformers' hooks on the shared model would stay
        if ran := step():
            clock.go_on([])
        return ran

    engine._batch.step = timed  # type: ignore[method-assign]
    return engine


def written(engine: BatchEngine, *requests: Any) -> list[Output]:
    outputs = [generation.wait() for generation in [engine.submit(request) for request in requests]]
    engine.stop()
    return outputs


@BY_BOTH
@pytest.mark.parametrize(
    ("pass_s", "takes_s", "options"),
    [
        (1.0, {}, {"min_scenes": 1}),
        (1.0, {}, {"min_scenes": 2, "target_duration_s": 15}),
        (0.6, {}, {"min_scenes": 4}),
        (1.0, {range(40, 9999): 3.0}, {"min_scenes": 1}),
        (1.0, {range(50, 51): 60.0}, {"min_scenes": 1}),
    ],
    ids=["one scene", "seconds to meet", "four", "others join the batch", "the process was stopped for a while"],
)
def test_it_is_closed_in_time(
    loaded: Any,
    ask: MakeRequest,
    batching: Batching,
    pass_s: float,
    takes_s: dict[range, float],
    options: dict[str, Any],
) -> None:
    clock = PassClock(pass_s, takes_s)
    wanted = {"max_scenes": 20, "max_new_tokens": 2000, **options}

    (output,) = written(engine_at(clock, loaded, batching), ask("雾里的灯塔", WILD, 140, **wanted))

    assert (output.finish, output.hurried) == ("closed_early", True)
    assert 70 < clock.now_s <= 140
    text = loaded.tokenizer.decode(output.token_ids)
    checked(text, JobRequest(prompt="雾", max_scenes=20, **options))


@BY_BOTH
def test_time_enough_changes_nothing(tiny: BatchEngine, ask: MakeRequest, loaded: Any, batching: Batching) -> None:
    request = ask("雾", WILD, 1e6, max_new_tokens=80)

    (output,) = written(engine_at(PassClock(), loaded, batching), request)

    assert output == tiny.submit(request).wait()
    assert not output.hurried


@BY_BOTH
def test_what_no_closing_could_save_is_over_when_its_time_is(loaded: Any, ask: MakeRequest, batching: Batching) -> None:
    clock = PassClock()

    (output,) = written(engine_at(clock, loaded, batching), ask("雾", WILD, 30, max_new_tokens=2000, min_scenes=8))

    assert output.finish == "timeout"
    assert 30 <= clock.now_s <= 34  # the clock is looked at every fourth token


@BY_BOTH
def test_one_that_waits_for_a_row_ends_with_the_tokens_that_it_had(
    loaded: Any, ask: MakeRequest, batching: Batching
) -> None:
    request = ask("雾", WILD, max_new_tokens=80)
    waiting = replace(request, generated_ids=tuple(loaded.tokenizer.encode('{"title":"雾')), time_left_s=20)

    first, late = written(engine_at(PassClock(), loaded, batching), request, waiting)

    assert first.finish == "closed_early"
    assert (late.finish, late.token_ids) == ("timeout", waiting.generated_ids)


@BY_BOTH
def test_a_part_is_closed_before_the_time_of_the_whole(loaded: Any, ask: MakeRequest, batching: Batching) -> None:
    clock = PassClock()
    request = replace(ask("雾", WILD, 400, max_new_tokens=2000, max_scenes=20, min_scenes=2), close_in_s=120)

    (output,) = written(engine_at(clock, loaded, batching), request)

    assert (output.finish, output.hurried) == ("closed_early", True)
    assert clock.now_s <= 120


def test_a_speed_is_known_after_a_few_tokens_and_no_single_stall_changes_it() -> None:
    clock = PassClock()
    time_left = TimeLeft(100, clock)
    seen = []
    for number in range(40):
        clock.now_s += 20 if number == 20 else 1
        time_left.note()
        seen.append(time_left.tokens_left)

    assert seen[7] == float("inf")
    assert seen[8] == 100 - 9 - 4
    assert seen[10] == seen[8] - 2
    assert seen[36] == 100 - 37 - 19 - 4
