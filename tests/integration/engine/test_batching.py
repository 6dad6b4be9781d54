"""Rows of one batch are as independent as if each ran alone."""

from __future__ import annotations

import copy
from threading import Event
from typing import Any

import pytest

from shared.errors import EngineBroken, PromptTooLong
from tests.integration.engine.conftest import (
    BY_BOTH,
    PROMPTS,
    MakeRequest,
    before_each_pass,
    engine_of,
    resumed,
    together,
)
from worker.engine.batch import BatchEngine
from worker.engine.request import SamplingParams
from worker.engine.serving import Batching

pytestmark = BY_BOTH


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_wild_model_writes_the_same_alone_and_in_a_batch(
    tiny: BatchEngine, ask: MakeRequest, temperature: float
) -> None:
    prompts = [*PROMPTS, "a lighthouse in the fog, seen from a boat at night"]
    requests = [
        ask(prompt, SamplingParams(temperature, 0.9, seed), max_new_tokens=90) for seed, prompt in enumerate(prompts)
    ]

    batch = together(tiny, requests)
    alone = [tiny.submit(request).wait().token_ids for request in requests]

    assert batch == alone


def test_another_seed_writes_another_text(tiny: BatchEngine, ask: MakeRequest) -> None:
    texts = {
        tiny.submit(ask(sampling=SamplingParams(1.0, 0.9, seed), max_new_tokens=60)).wait().token_ids for seed in (1, 2)
    }

    assert len(texts) == 2


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_resumed_text_ends_as_the_undisturbed_one(tiny: BatchEngine, ask: MakeRequest, temperature: float) -> None:
    request = ask(sampling=SamplingParams(temperature, 0.9, 11), max_new_tokens=90)
    whole = tiny.submit(request).wait()

    for cut in (1, 7, len(whole.token_ids) // 2, len(whole.token_ids) - 1):
        again = tiny.submit(resumed(request, whole.token_ids[:cut])).wait()
        assert again.token_ids == whole.token_ids
        assert again.sampled_tokens == whole.sampled_tokens


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_rewound_text_goes_on_from_there_to_the_same_end(
    tiny: BatchEngine, ask: MakeRequest, temperature: float
) -> None:
    """Its noise is drawn by position: only another request would make it another text."""
    request = ask(sampling=SamplingParams(temperature, 0.9, 11), max_new_tokens=90)
    whole = tiny.submit(request).wait()

    for cut in (0, 17, 40):
        again, neighbour = tiny.submit(request), tiny.submit(ask(PROMPTS[0], max_new_tokens=60))
        while len(again.tokens) <= max(cut, 30):
            Event().wait(0.002)
        tiny.rewind(again, cut)

        assert again.wait() == whole
        assert neighbour.wait().finish == "closed_early"


def test_a_text_that_has_ended_stays_as_it_is(tiny: BatchEngine, ask: MakeRequest) -> None:
    handle = tiny.submit(ask(max_new_tokens=60))
    output = handle.wait()

    tiny.rewind(handle, 3)

    assert tiny.submit(ask(max_new_tokens=60)).wait() == output == handle.wait()
    with pytest.raises(ValueError, match="cannot go on from its first"):
        tiny.rewind(handle, len(output.token_ids) + 1)


def test_forcing_tokens_changes_no_text_and_saves_steps(
    tiny_model: Any, loaded: Any, ask: MakeRequest, batching: Batching
) -> None:
    steps, texts = [], []
    for force in (True, False):
        engine = engine_of(tiny_model, loaded, batching=batching, max_batch=1, force=force)
        request = ask(max_new_tokens=400, max_scenes=3, target_duration_s=15)
        texts.append(loaded.tokenizer.decode(engine.submit(request).wait().token_ids))
        steps.append(engine.steps)
        engine.stop()

    assert steps[0] < steps[1]
    assert texts[0][:200] == texts[1][:200]


def test_forced_runs_in_pieces_change_no_text(
    tiny: BatchEngine, tiny_model: Any, loaded: Any, ask: MakeRequest, batching: Batching
) -> None:
    request = ask(sampling=SamplingParams(1.0, 0.9, 3), max_new_tokens=60)
    engine = engine_of(tiny_model, loaded, batching=batching, max_batch=1)
    engine._batch.force_limit = 2  # as where a mask leaves no room for more

    in_pieces = engine.submit(request).wait()

    engine.stop()
    assert in_pieces == tiny.submit(request).wait()


def test_a_late_request_joins_the_running_batch(tiny: BatchEngine, ask: MakeRequest) -> None:
    first = tiny.submit(ask(max_new_tokens=2000, min_scenes=20, max_scenes=20))
    while not first.snapshot().sampled_tokens:
        Event().wait(0.005)

    late = tiny.submit(ask(max_new_tokens=60)).wait()
    still = first.snapshot()
    first.stop()

    assert late.finish == "closed_early"
    assert 0 < still.sampled_tokens < 2000


def test_more_requests_than_rows_all_end(tiny_model: Any, loaded: Any, ask: MakeRequest, batching: Batching) -> None:
    engine = engine_of(tiny_model, loaded, batching=batching, max_batch=2)

    generations = [engine.submit(ask(max_new_tokens=60)) for _ in range(5)]

    assert {generation.wait().finish for generation in generations} == {"closed_early"}
    assert engine.busy == 0
    engine.stop()


def test_a_stopped_text_leaves_the_batch_and_its_neighbour_goes_on(tiny: BatchEngine, ask: MakeRequest) -> None:
    doomed, neighbour = (
        tiny.submit(ask(max_new_tokens=2000, min_scenes=20, max_scenes=20)),
        tiny.submit(ask(max_new_tokens=100)),
    )
    while not doomed.snapshot().sampled_tokens:
        Event().wait(0.005)

    doomed.stop()

    assert doomed.wait().finish == "stopped"
    assert neighbour.wait().finish == "closed_early"


def test_a_text_that_is_out_of_time_ends_as_timeout(tiny: BatchEngine, ask: MakeRequest) -> None:
    too_short_s = 0.02  # for any machine to close twenty scenes in

    request = ask(max_new_tokens=2000, min_scenes=20, max_scenes=20, time_left_s=too_short_s)

    assert tiny.submit(request).wait().finish == "timeout"


def test_a_prompt_that_leaves_no_room_is_refused_at_once(
    tiny_model: Any, loaded: Any, ask: MakeRequest, batching: Batching
) -> None:
    engine = engine_of(tiny_model, loaded, batching=batching, max_batch=1, context_tokens=256)

    with pytest.raises(PromptTooLong, match="256"):
        engine.submit(ask("很长的故事" * 60))
    engine.stop()


def test_a_text_that_meets_the_end_of_the_context_is_closed(
    tiny_model: Any, loaded: Any, ask: MakeRequest, batching: Batching
) -> None:
    request = ask(max_new_tokens=2000)
    engine = engine_of(tiny_model, loaded, batching=batching, max_batch=1, context_tokens=len(request.prompt_ids) + 400)

    output = engine.submit(request).wait()

    assert output.finish == "closed_early"
    assert len(output.token_ids) <= 400
    engine.stop()


def test_a_schema_that_is_no_grammar_is_the_callers_fault(tiny: BatchEngine, ask: MakeRequest) -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="schema"):
        tiny.submit(replace(ask(), schema='{"type": "no such type"}'))

    assert tiny.submit(ask(max_new_tokens=60)).wait().finish == "closed_early"


def test_a_fault_of_the_model_fails_every_row_and_all_that_come_after(
    loaded: Any, ask: MakeRequest, tiny_model: Any, batching: Batching
) -> None:
    engine = engine_of(copy.deepcopy(tiny_model), loaded, batching=batching)
    before_each_pass(engine, lambda _: _raise() if engine.busy else None)
    generation = engine.submit(ask())

    with pytest.raises(EngineBroken, match="the device is gone"):
        generation.wait()
    with pytest.raises(EngineBroken):
        engine.submit(ask())


def _raise() -> None:
    raise RuntimeError("the device is gone")
