"""How much context the device holds beside the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GlmConfig, LlamaConfig, PretrainedConfig

from shared.errors import ModelUnavailable
from tests.integration.engine.conftest import MakeRequest, batch_of, engine_of
from worker.backend.kv_memory import bytes_a_token, free_bytes, kv_tokens
from worker.engine.batch import TOKENS_A_ROW

GB = 10**9
CHATGLM3_6B = GlmConfig(num_hidden_layers=28, num_attention_heads=32, num_key_value_heads=2, head_dim=128)
LLAMA_2_7B = LlamaConfig()  # transformers' own defaults are its shape


def shape(config: PretrainedConfig) -> Any:
    """A model without its weights."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.float16)


@pytest.mark.parametrize(("config", "size"), [(CHATGLM3_6B, 28_672), (LLAMA_2_7B, 524_288)])
def test_a_token_takes_what_its_heads_take(config: PretrainedConfig, size: int) -> None:
    assert bytes_a_token(shape(config)) == size


def test_it_is_what_transformers_reserves(tiny_model: Any, loaded: Any) -> None:
    engine = engine_of(tiny_model, loaded, kv_tokens=2048)
    engine.stop()

    (allocator,) = batch_of(engine)._manager._create_batch_processor().cache.cache_allocators.values()

    assert allocator.bytes_per_block == allocator.tokens_per_page * bytes_a_token(tiny_model)


def test_every_row_has_room_where_there_is_room(tiny_model: Any) -> None:
    assert kv_tokens(tiny_model, max_batch=8, context_tokens=8192, free=GB) == 8 * 4096
    assert kv_tokens(tiny_model, max_batch=8, context_tokens=2048, free=GB) == 8 * 2048


def test_one_text_may_fill_the_context_of_a_batch_of_one(tiny_model: Any) -> None:
    assert kv_tokens(tiny_model, max_batch=1, context_tokens=8192, free=GB) == 8192


def test_a_small_device_holds_what_fits(tiny_model: Any) -> None:
    free = 6000 * bytes_a_token(tiny_model)

    assert kv_tokens(tiny_model, max_batch=8, context_tokens=8192, free=free) == 3000  # half of it, on a CPU


def test_a_device_without_room_for_one_short_text_is_said_before_any_job(tiny_model: Any) -> None:
    with pytest.raises(ModelUnavailable, match=r"leaves 0\.0 GB of cpu free.*MODEL__WEIGHT_BITS"):
        kv_tokens(tiny_model, max_batch=8, context_tokens=8192, free=1000 * bytes_a_token(tiny_model))


def test_what_a_cpu_has_free_is_its_memory() -> None:
    assert 10**8 < free_bytes(torch.device("cpu")) < 10**14


def test_a_text_longer_than_a_rows_share_is_written_by_a_batch_of_one(
    tiny_model: Any, loaded: Any, ask: MakeRequest
) -> None:
    request = ask(max_new_tokens=60)
    request = replace(request, prompt_ids=(request.prompt_ids * 100)[: TOKENS_A_ROW + 1000])
    engine = engine_of(tiny_model, loaded, max_batch=1, context_tokens=8192)

    assert engine.submit(request).wait().finish == "closed_early"
    engine.stop()
