"""How much context the device holds beside the model."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GlmConfig, LlamaConfig, PretrainedConfig
from transformers.generation.continuous_batching.cache import PagedAttentionMemoryHandler

from shared.errors import ModelUnavailable
from shared.settings import Settings
from tests.integration.engine.conftest import MakeRequest, batch_of, engine_of
from worker.backend.kv_memory import bytes_a_token, free_bytes, kv_tokens, reading_bytes_a_token, rows_beside
from worker.backend.make_engine import make_engine
from worker.engine.serving import TOKENS_A_ROW
from worker.exits import EXIT_UNUSABLE, exit_code_of

GB = 10**9
CHATGLM3_6B = GlmConfig(num_hidden_layers=28, num_attention_heads=32, num_key_value_heads=2, head_dim=128)
LLAMA_2_7B = LlamaConfig()  # transformers' own defaults are its shape


def shape(config: PretrainedConfig) -> Any:
    """A model without its weights."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.float16)


def placed(config: PretrainedConfig, device: str = "cuda") -> Any:
    """What is asked of a model there: its config, its precision, its place."""
    return SimpleNamespace(config=config, dtype=torch.float16, device=torch.device(device))


@pytest.mark.parametrize(("config", "size"), [(CHATGLM3_6B, 28_672), (LLAMA_2_7B, 524_288)])
def test_a_token_takes_what_its_heads_take(config: PretrainedConfig, size: int) -> None:
    assert bytes_a_token(shape(config)) == size


def test_it_is_what_transformers_reserves(tiny_model: Any, loaded: Any) -> None:
    engine = engine_of(tiny_model, loaded, kv_tokens=2048)
    engine.stop()

    (allocator,) = batch_of(engine)._processor.cache.cache_allocators.values()
    config, dtype = batch_of(engine)._manager.continuous_batching_config, tiny_model.dtype
    handler = PagedAttentionMemoryHandler(tiny_model.config, config, dtype, 1, 1, 1, ["full_attention"])

    assert allocator.bytes_per_block == allocator.tokens_per_page * bytes_a_token(tiny_model)
    assert handler.bytes_per_cache_token == reading_bytes_a_token(tiny_model) + 8  # and an index of 64 bits


def test_every_row_has_room_where_there_is_room(tiny_model: Any) -> None:
    assert kv_tokens(tiny_model, max_batch=8, context_tokens=8192, free=GB) == 8 * 4096
    assert kv_tokens(tiny_model, max_batch=8, context_tokens=2048, free=GB) == 8 * 2048


def test_one_text_may_fill_the_context_of_a_batch_of_one(tiny_model: Any) -> None:
    assert kv_tokens(tiny_model, max_batch=1, context_tokens=8192, free=GB) == 8192


def test_a_small_device_holds_what_fits(tiny_model: Any) -> None:
    free = 6000 * (bytes_a_token(tiny_model) + reading_bytes_a_token(tiny_model))

    assert kv_tokens(tiny_model, max_batch=8, context_tokens=8192, free=free) == 3000  # half of it, on a CPU


def test_a_device_without_room_for_one_short_text_is_said_before_any_job(tiny_model: Any) -> None:
    with pytest.raises(ModelUnavailable, match=r"leaves 0\.0 GB of cpu free.*MODEL__WEIGHT_BITS"):
        kv_tokens(tiny_model, max_batch=8, context_tokens=8192, free=1000 * bytes_a_token(tiny_model))


@pytest.mark.parametrize(
    ("config", "free", "rows"),
    [
        (CHATGLM3_6B, 72 * GB, 128),  # a card of 80 GB
        (CHATGLM3_6B, 60 * GB, 128),
        (CHATGLM3_6B, 59 * GB, 64),
        (CHATGLM3_6B, 24 * GB, 64),
        (CHATGLM3_6B, 23 * GB, 8),
        (CHATGLM3_6B, 1 * GB, 8),  # then with less context, as with a number
        (LLAMA_2_7B, 72 * GB, 25),  # 2.2 GB a row
        (LLAMA_2_7B, 24 * GB, 8),
    ],
)
def test_auto_has_as_many_rows_as_the_card_has_room_for_beside_the_model(
    config: PretrainedConfig, free: int, rows: int
) -> None:
    on_card = placed(config)

    assert rows_beside(on_card, "auto", 8192, free) == rows
    if rows > 8:
        assert kv_tokens(on_card, rows, 8192, free) == rows * TOKENS_A_ROW  # none of them lacks context


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_number_of_rows_is_taken_as_it_is(device: str) -> None:
    assert rows_beside(placed(CHATGLM3_6B, device), 33, 8192, 72 * GB) == 33


def test_on_a_cpu_auto_has_eight_rows_whatever_is_free() -> None:
    assert rows_beside(placed(CHATGLM3_6B, "cpu"), "auto", 8192, 500 * GB) == 8


def test_a_batch_that_is_too_large_for_the_device_ends_the_start_with_what_to_lower(loaded: Any) -> None:
    """Not the engine, later and as if it were broken: another start would end the same way."""
    endless = replace(loaded, context_tokens=10**10)

    with pytest.raises(ModelUnavailable, match=r"8 rows.* does not fit cpu.*lower WORKER__MAX_BATCH") as raised:
        make_engine(endless, Settings(worker={"max_batch": 8}), free=10**15)

    assert exit_code_of(raised.value) == EXIT_UNUSABLE


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
