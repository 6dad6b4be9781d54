"""Attention by torch's varlen kernel: each row of a batch reads its own keys and values.

transformers' continuous batching over torch's sdpa has each row read those of the whole batch and masks them; its
flash attention needs a package of its own. The kernel comes with torch, for GPUs and 16 bits, and is used once it was
seen to agree with sdpa on the device at hand.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.generation.continuous_batching.utils import find_head_dim, find_num_key_value_heads

log = logging.getLogger(__name__)

Kernel = Callable[..., Any]  # as torch.nn.attention.varlen.varlen_attn
_Manager = TypeVar("_Manager")

NAME = "torch_varlen"
TRIED = (  # batches of three rows, new tokens and context of each: every kind of step that a kernel may treat by itself
    ((1, 40), (5, 5), (33, 100)),  # a row that goes on, a prompt, a chunk of one
    ((1, 40), (1, 5), (1, 100)),  # rows that go on
)
MAX_ERROR = 1e-2  # of the outputs' norm: bf16 gives 3e-3


def kernel_of(attention: str) -> Kernel | None:
    """What `settle` is given for a `MODEL__ATTENTION`: who asks for sdpa by name keeps it."""
    return None if attention == "sdpa" else varlen_attn


def settle(model: Any, kernel: Kernel | None, make_manager: Callable[[bool], _Manager]) -> _Manager:
    """Which attention runs. Without a kernel, what the model was loaded with. Else, on a GPU, flash attention where its
    package is installed; else, for a model of sdpa, the kernel if it fits. `make_manager` makes transformers' manager,
    which goes over to flash attention by itself if it is told so."""
    leave(model)  # the manager takes no such name
    manager = make_manager(kernel is not None and model.device.type == "cuda")
    if kernel is not None and model.config._attn_implementation == "sdpa":  # so flash attention is not there
        adopt(model, kernel)
    return manager


def leave(model: Any) -> None:
    """The kernel that an engine before this one let the model attend by: it works in that engine's batches alone."""
    if model.config._attn_implementation == NAME:
        model.set_attn_implementation("sdpa")


def adopt(model: Any, kernel: Kernel) -> bool:
    """Let the model attend by this kernel from now on, within continuous batching only; False if it does not fit."""
    try:
        errors = [_error(model, kernel, batch) for batch in TRIED]
    except (RuntimeError, ValueError, TypeError) as refusal:  # not for this device or precision, or another torch's
        level = logging.WARNING if model.device.type == "cuda" else logging.INFO  # no CPU has such a kernel
        log.log(level, "attention stays sdpa: %s", str(refusal).strip().split(". ")[0])
        return False
    if not all(error < MAX_ERROR for error in errors):  # NaN is not
        log.warning("attention stays sdpa: the varlen kernel differs from it by %s", errors)
        return False
    AttentionInterface.register(NAME, _attention(kernel))
    model.set_attn_implementation(NAME)
    return True


def one_by_one(  # noqa: PLR0913, PLR0917 - the kernel's signature
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
) -> torch.Tensor:
    """What the kernel computes, by sdpa for each text alone: query [tokens, heads, width], key and value [tokens,
    groups, width]; the last query of each text sees its last key."""
    outputs = torch.zeros_like(query)
    for (begin, end), (first, last) in zip(pairwise(cu_seq_q.tolist()), pairwise(cu_seq_k.tolist()), strict=True):
        places = torch.arange(end - begin, device=query.device)[:, None] + (last - first) - (end - begin)
        seen = torch.arange(last - first, device=query.device)[None, :]
        mask = torch.ones_like(places * seen, dtype=torch.bool)
        if window_size[0] >= 0:
            mask &= seen >= places - window_size[0]
        if window_size[1] >= 0:
            mask &= seen <= places + window_size[1]
        q, k, v = (x.transpose(0, 1) for x in (query[begin:end], key[first:last], value[first:last]))
        out = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale, enable_gqa=enable_gqa)
        outputs[begin:end] = out.transpose(0, 1)
    return outputs


def _attention(kernel: Kernel) -> Callable[..., tuple[torch.Tensor, None]]:
    def attend(  # noqa: PLR0913 - transformers' signature
        module: Any,
        query: torch.Tensor,  # [1, heads, tokens, width]: the texts of the batch one after another
        key: torch.Tensor,
        value: torch.Tensor,
        _mask: None,
        *,
        cache: Any,
        scaling: float | None = None,
        sliding_window: int | None = None,
        **rest: Any,
    ) -> tuple[torch.Tensor, None]:
        key, value = cache.update(key_states=key, value_states=value, layer_idx=module.layer_idx, kwargs=rest)
        output = kernel(
            *(x.squeeze(0).transpose(0, 1) for x in (query, key, value)),
            rest["cu_seq_lens_q"],
            rest["cu_seq_lens_k"],
            rest["max_length_q"],
            rest["max_length_k"],
            scale=scaling,
            window_size=_window(sliding_window, rest["max_length_q"]),
            enable_gqa=True,
        )
        return output.unsqueeze(0), None

    return attend


def _window(sliding_window: int | None, most_new_tokens: int) -> tuple[int, int]:
    """Causal, over so many tokens, the query's own among them. A single query is the last of its text and sees it all:
    told as no window, for only then do torch's kernels compute the heads of a group together instead of each in a tile
    of its own."""
    if sliding_window:
        return (sliding_window - 1, 0)
    return (-1, -1 if most_new_tokens == 1 else 0)


def _error(model: Any, kernel: Kernel, batch: tuple[tuple[int, int], ...]) -> float:
    """How far the kernel is from sdpa for texts of the model's shape, as a share of the outputs' norm."""
    config = model.config
    heads, groups, width = config.num_attention_heads, find_num_key_value_heads(config), find_head_dim(config)
    new, context = (list(counts) for counts in zip(*batch, strict=True))
    draw = torch.Generator().manual_seed(0)

    def drawn(tokens: int, count: int) -> torch.Tensor:
        return torch.randn(tokens, count, width, generator=draw).to(model.device, model.dtype)

    query, key, value = drawn(sum(new), heads), drawn(sum(context), groups), drawn(sum(context), groups)
    ends = [torch.tensor([0, *counts], device=model.device).cumsum(0).int() for counts in (new, context)]
    window = _window(getattr(config, "sliding_window", None), max(new))
    texts: Any = (query, key, value, *ends, max(new), max(context))
    # The kernel first: where it refuses, as on every CPU, nothing else is computed.
    actual, expected = (each(*texts, window_size=window, enable_gqa=True) for each in (kernel, one_by_one))
    return float((actual.float() - expected.float()).norm() / expected.float().norm())
