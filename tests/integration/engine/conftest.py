"""One real tokenizer with a tiny random model for properties, and the embedded model for what a user would see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from shared.schemas import JobRequest
from worker.engine.batch import BatchEngine
from worker.engine.request import GenerationRequest, Sampling
from worker.script.grammar import durations, storyboard_schema

if TYPE_CHECKING:
    from models.load import LoadedModel

Asked = Callable[..., GenerationRequest]
GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)
PROMPTS = ("森林里的猫", "A robot learns to paint", "海")
SIZES = {  # of a tiny model; large random weights make it as wild as a model gets
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
    "initializer_range": 0.3,
}


def engine_of(model: Any, loaded: LoadedModel, **options: Any) -> BatchEngine:
    engine = BatchEngine(
        model,
        loaded.tokenizer,
        eos_token_ids=loaded.eos_token_ids,
        **{"context_tokens": loaded.context_tokens, "max_batch": 8, **options},
    )
    engine.start()
    return engine


def together(engine: BatchEngine, requests: Iterable[GenerationRequest]) -> list[tuple[int, ...]]:
    """The tokens of requests that run side by side."""
    return [generation.wait().token_ids for generation in [engine.submit(request) for request in requests]]


@pytest.fixture(scope="session")
def tiny_model(embedded: LoadedModel) -> Any:
    """Random weights with the embedded model's vocabulary."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(5)
    config = Qwen2Config(vocab_size=embedded.model.config.vocab_size, attn_implementation="sdpa", **SIZES)
    return Qwen2ForCausalLM(config).float().eval()


@pytest.fixture(scope="session")
def tiny(tiny_model: Any, embedded: LoadedModel) -> Iterator[BatchEngine]:
    engine = engine_of(tiny_model, embedded)
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def engine(embedded: LoadedModel) -> Iterator[BatchEngine]:
    """The embedded model in fp32."""
    engine = engine_of(embedded.model, embedded)
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def ask(embedded: LoadedModel) -> Asked:
    """`ask(prompt, sampling=..., max_new_tokens=..., min_scenes=...)`: what the worker would hand to the engine."""
    from worker.script.prompt import messages

    def make(prompt: str = "雨中的猫", sampling: Sampling = GREEDY, time_left_s: float = 300, **options: Any) -> Any:
        max_new_tokens = options.pop("max_new_tokens", 200)
        request = JobRequest(prompt=prompt, **options)
        return GenerationRequest(
            prompt_ids=tuple(embedded.chat(messages(request))),
            schema=json.dumps(storyboard_schema(request)),
            sampling=sampling,
            max_new_tokens=max_new_tokens,
            min_scenes=len(durations(request) or ()) or request.min_scenes,
            time_left_s=time_left_s,
        )

    return make


def resumed(request: GenerationRequest, token_ids: tuple[int, ...]) -> GenerationRequest:
    return replace(request, generated_ids=token_ids)
