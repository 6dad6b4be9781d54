"""Engines on a tiny random model, which is enough for properties; real texts are asked for in test_real_text.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from models.load import LoadedModel
from scriptqueue.further_fields import fields_named
from scriptqueue.scene_fields import Fields
from scriptqueue.schemas import JobRequest
from shared.board.timing import durations
from tests.integration.engine import tiny as tiny_language_model
from worker.engine.batch import BatchEngine
from worker.engine.decode.loop import DecodeLoop
from worker.engine.request import GenerationRequest, SamplingParams
from worker.engine.serving import Batching
from worker.engine.transformers_batch import TransformersBatch
from worker.script.grammar import layout, outline_of, storyboard_schema
from worker.script.prompt import messages

MakeRequest = Callable[..., GenerationRequest]
BY_BOTH = pytest.mark.parametrize("batching", ["transformers", "loop"], indirect=True)
GREEDY = SamplingParams(temperature=0.0, top_p=1.0, seed=0)
PROMPTS = ("森林里的猫", "A robot learns to paint", "海")


def engine_of(model: Any, loaded: LoadedModel, **options: Any) -> BatchEngine:
    """Once it has proven its kernels: passes that a test counts are those of its texts."""
    engine = BatchEngine(
        model,
        loaded.tokenizer,
        eos_token_ids=loaded.eos_token_ids,
        **{"context_tokens": loaded.context_tokens, "max_batch": 8, **options},
    )
    proven, start = Event(), engine._serving.start

    def start_and_say() -> None:
        try:
            start()
        finally:
            proven.set()

    engine._serving.start = start_and_say  # type: ignore[method-assign]
    engine.start()
    proven.wait()
    return engine


def batch_of(engine: BatchEngine) -> TransformersBatch:
    """Of an engine that runs transformers' batching."""
    assert isinstance(engine._batch, TransformersBatch)
    return engine._batch


def before_each_pass(engine: BatchEngine, call: Callable[[list[int]], None]) -> None:
    """`call` with the ids that are read, before each forward pass; what it raises the pass raises."""
    if isinstance(engine._batch, TransformersBatch):
        embedding = engine._model.get_input_embeddings()
        embedding.register_forward_pre_hook(lambda _, inputs: call(inputs[0].flatten().tolist()))
        return
    assert isinstance(engine._batch, DecodeLoop)
    device: Any = engine._batch._device
    forward, prefill = device.forward, device.prefill

    def forward_after(ids: Sequence[int], *rest: Any) -> None:
        call(list(ids))
        forward(ids, *rest)

    def prefill_after(slot: int, ids: Sequence[int], start: int) -> None:
        call(list(ids))
        prefill(slot, ids, start)

    device.forward, device.prefill = forward_after, prefill_after


def together(engine: BatchEngine, requests: Iterable[GenerationRequest]) -> list[tuple[int, ...]]:
    """The tokens of requests that run side by side."""
    return [generation.wait().token_ids for generation in [engine.submit(request) for request in requests]]


@pytest.fixture(scope="session")
def loaded() -> LoadedModel:
    """The tiny model with its vocabulary."""
    return tiny_language_model.loaded()


@pytest.fixture(scope="session")
def tiny_model(loaded: LoadedModel) -> Any:
    return loaded.model


@pytest.fixture(scope="session")
def batching(request: pytest.FixtureRequest) -> Batching:
    """Whose batching runs the engines of a test; `BY_BOTH` marks what holds for the loop, too."""
    by: Batching = getattr(request, "param", "transformers")
    return by


@pytest.fixture(scope="session")
def tiny(loaded: LoadedModel, batching: Batching) -> Iterator[BatchEngine]:
    engine = engine_of(loaded.model, loaded, batching=batching)
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def ask(loaded: LoadedModel) -> MakeRequest:
    return request_maker(loaded)


def request_maker(loaded: LoadedModel) -> MakeRequest:
    """`ask(prompt, sampling=..., max_new_tokens=..., min_scenes=...)`: what the worker would hand to the engine."""

    def make(
        prompt: str = "雨中的猫", sampling: SamplingParams = GREEDY, time_left_s: float = 300, **options: Any
    ) -> Any:
        max_new_tokens = options.pop("max_new_tokens", 200)
        table: Fields | None = options.pop("table", None)
        request = JobRequest.model_validate({"prompt": prompt, **options})
        fields = table or fields_named(request.fields)
        return GenerationRequest(
            prompt_ids=tuple(loaded.chat(messages(request, fields))),
            schema=json.dumps(storyboard_schema(request, fields=fields)),
            layout=layout(fields, writes_cast=request.writes_cast, has_outline=request.outline),
            sampling=sampling,
            max_new_tokens=max_new_tokens,
            min_scenes=len(durations(request) or ()) or request.min_scenes,
            time_left_s=time_left_s,
            own_words=prompt,
            outline=outline_of(request),
        )

    return make


def resumed(request: GenerationRequest, token_ids: tuple[int, ...]) -> GenerationRequest:
    return replace(request, generated_ids=token_ids)
