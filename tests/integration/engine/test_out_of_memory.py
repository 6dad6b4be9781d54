"""A device that runs out of memory: the batch shrinks, nobody's text changes, and only what does not fit alone fails.

The models raise what torch raises, when told to; that the memory is really free afterwards is shown in tests/gpu.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
import torch

from shared.errors import EngineBroken, OutOfMemory
from tests.integration.engine.conftest import BY_BOTH, MakeRequest, before_each_pass, engine_of, together
from worker.engine.batch import BatchEngine
from worker.engine.request import SamplingParams
from worker.engine.serving import Batching

pytestmark = BY_BOTH

Fragile = Callable[..., BatchEngine]
TOO_LONG = "鲸"


@pytest.fixture
def fragile(tiny_model: Any, loaded: Any, batching: Batching) -> Iterator[Fragile]:
    """`fragile(fault, max_batch=8)`: an engine whose every step calls `fault(engine, input_ids)`, which may raise."""
    engines: list[BatchEngine] = []

    def make(fault: Callable[[BatchEngine, list[int]], None], **options: Any) -> BatchEngine:
        engine = engine_of(copy.deepcopy(tiny_model), loaded, batching=batching, **options)
        before_each_pass(engine, lambda ids: fault(engine, ids))
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.stop()


def no_more_than(rows: int, *, from_step: int = 0) -> Callable[[BatchEngine, list[int]], None]:
    def fault(engine: BatchEngine, _: list[int]) -> None:
        if engine.busy > rows and engine.steps >= from_step:
            raise torch.OutOfMemoryError("CUDA out of memory")

    return fault


@pytest.mark.parametrize(("rows", "from_step"), [(2, 0), (1, 12)])
def test_a_batch_that_does_not_fit_shrinks_and_every_text_is_the_same(
    tiny: BatchEngine, fragile: Fragile, ask: MakeRequest, rows: int, from_step: int
) -> None:
    requests = [ask(f"故事{n}", SamplingParams(1.0, 0.9, n), max_new_tokens=60) for n in range(4)]
    undisturbed = together(tiny, requests)
    engine = fragile(no_more_than(rows, from_step=from_step))

    texts = together(engine, requests)

    assert texts == undisturbed
    assert engine.busy == 0


def test_only_the_text_that_does_not_fit_alone_fails(fragile: Fragile, ask: MakeRequest, loaded: Any) -> None:
    (marker,) = loaded.tokenizer.encode(TOO_LONG, add_special_tokens=False)

    def fault(_: BatchEngine, input_ids: list[int]) -> None:
        if marker in input_ids:
            raise torch.OutOfMemoryError("CUDA out of memory")

    engine = fragile(fault, max_batch=4)
    neighbours = [engine.submit(ask(f"故事{n}", max_new_tokens=60)) for n in range(1)]
    doomed = engine.submit(ask(TOO_LONG, max_new_tokens=60))
    neighbours += [engine.submit(ask(f"故事{n}", max_new_tokens=60)) for n in range(1, 3)]

    with pytest.raises(OutOfMemory):
        doomed.wait()
    assert {neighbour.wait().finish for neighbour in neighbours} == {"closed_early"}
    assert engine.broken is None


def test_a_text_that_waits_for_room_is_stopped_and_runs_out_of_time_too(fragile: Fragile, ask: MakeRequest) -> None:
    engine = fragile(no_more_than(1))
    long = {"max_new_tokens": 2000, "min_scenes": 20, "max_scenes": 20}
    first = engine.submit(ask(**long))
    others = [engine.submit(ask(**long)), engine.submit(ask(**long, time_left_s=0.5))]
    while not first.snapshot().sampled_tokens:
        Event().wait(0.005)

    others[0].stop()

    assert others[0].wait().finish == "stopped"
    assert others[1].wait().finish == "timeout"
    first.stop()


def test_a_device_without_any_memory_ends_the_engine_instead_of_failing_every_job(
    fragile: Fragile, ask: MakeRequest
) -> None:
    engine = fragile(no_more_than(0), max_batch=2)
    generations = [engine.submit(ask(max_new_tokens=60)) for _ in range(6)]

    ends = []
    for generation in generations:
        with pytest.raises((OutOfMemory, EngineBroken)) as raised:
            generation.wait()
        ends.append(raised.type)

    assert ends.count(OutOfMemory) <= 3
    assert ends[-1] is EngineBroken
    assert engine.broken


@pytest.mark.parametrize(
    ("error", "lives"),
    [
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (torch.AcceleratorError("CUDA error: out of memory"), True),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
    ],
)
def test_what_breaks_the_device_for_good_is_told_from_what_only_did_not_fit(
    fragile: Fragile, ask: MakeRequest, error: RuntimeError, lives: bool
) -> None:
    def fault(engine: BatchEngine, _: list[int]) -> None:
        if engine.busy > 1:
            raise error

    engine = fragile(fault)
    generations = [engine.submit(ask(max_new_tokens=60)) for _ in range(2)]

    if lives:
        assert {generation.wait().finish for generation in generations} == {"closed_early"}
    else:
        for generation in generations:
            with pytest.raises(EngineBroken):
                generation.wait()
