"""How many rows, and tokens of keys and values, the device holds beside the model. Knows a model's shape; not texts."""

from __future__ import annotations

from typing import Any, Literal

import torch
from transformers.generation.continuous_batching.utils import find_head_dim, find_num_key_value_heads

from models import cpu
from shared.errors import ModelUnavailable
from worker.backend.rows import rows_of
from worker.engine.serving import TOKENS_A_ROW, wanted_tokens

SHARE = {"cuda": 0.8, "cpu": 0.5}  # of what is free once the weights are there; a step's own tensors need room too
LEAST_TOKENS = 1024  # a short prompt and its storyboard


def kv_tokens(model: Any, max_batch: int, context_tokens: int, free: int) -> int:
    """Enough for every row, and for one text that fills the context, or as many as `free` bytes have room for; raises
    `ModelUnavailable` when that is not even enough for one short text."""
    a_token = bytes_a_token(model) + reading_bytes_a_token(model)
    fitting = int(free * SHARE[model.device.type]) // a_token
    if fitting < LEAST_TOKENS:
        raise ModelUnavailable(
            f"the model leaves {free / 1e9:.1f} GB of {model.device} free; a text of {LEAST_TOKENS} tokens needs "
            f"{LEAST_TOKENS * a_token / SHARE[model.device.type] / 1e9:.1f} GB. Try MODEL__WEIGHT_BITS=8 or 4"
        )
    return min(wanted_tokens(max_batch, context_tokens), fitting)


def rows_beside(model: Any, max_batch: int | Literal["auto"], context_tokens: int, free: int) -> int:
    """`WORKER__MAX_BATCH` in numbers, where `free` bytes are left beside the model."""
    if model.device.type != "cuda":
        return rows_of(max_batch)
    a_row = min(context_tokens, TOKENS_A_ROW) * (bytes_a_token(model) + reading_bytes_a_token(model))
    return rows_of(max_batch, free_of_gpu=free, room_for_rows=int(free * SHARE["cuda"]) // a_row)


def bytes_a_token(model: Any) -> int:
    """Of keys and values in all layers, in the model's own precision."""
    config = model.config
    elements = config.num_hidden_layers * find_num_key_value_heads(config) * find_head_dim(config)
    return int(2 * elements * model.dtype.itemsize)


def reading_bytes_a_token(model: Any) -> int:
    """What a step takes besides that reads it, in the layer that it is at: keys and values as they are and, but for
    flash attention, repeated for every head. As transformers reserves it."""
    config = model.config
    heads = 2 * config.num_attention_heads + find_num_key_value_heads(config)
    return int(heads * find_head_dim(config) * model.dtype.itemsize)


def free_bytes(device: torch.device) -> int:
    """What the device can still give, what torch holds unused included."""
    if device.type == "cpu":
        return cpu.free_memory_bytes()
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + unused)
