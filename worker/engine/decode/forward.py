"""One forward pass over token-rows: each has a token, its text's slot and its position, and all their keys are written
before any is read, so that rows of one text see one another. A chunk of one text is the same with another attention.

Knows weights, pages and kernels; not graphs, streams, texts or the choice of tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import embedding, scaled_dot_product_attention

from worker.engine.decode.weights import Weights

Attention = Callable[[Tensor, Tensor, Tensor, int], Tensor]  # of query, keys, values and window


class Kernels(Protocol):
    """twins.py says what each takes and computes."""

    add_norm: Callable[..., tuple[Tensor, Tensor]]
    gate: Callable[[Tensor], Tensor]
    turn_and_keep: Callable[..., Tensor]
    attend: Callable[..., Tensor]


@dataclass(frozen=True)
class Pages:
    """`cache` [layers, 2, pages, groups, tokens of a page, width]; `table` [slots, pages of a text], int32: where the
    tokens of the text in a slot are."""

    cache: Tensor
    table: Tensor


def forward_rows(  # noqa: PLR0913, PLR0917
    weights: Weights, kernels: Kernels, pages: Pages, ids: Tensor, slots: Tensor, positions: Tensor
) -> Tensor:
    """The last hidden states, normed: [rows, hidden]. ids, slots, positions [rows]."""

    def attend(query: Tensor, keys: Tensor, values: Tensor, window: int) -> Tensor:
        return kernels.attend(query, keys, values, pages.table, slots, positions, weights.scale, window)

    return _forward(weights, kernels, pages, ids, slots, positions, attend)


def forward_chunk(  # noqa: PLR0913, PLR0917
    weights: Weights, kernels: Kernels, pages: Pages, ids: Tensor, slot: int, start: int
) -> None:
    """Keys and values of a text's tokens from position `start` on: ids [tokens]."""
    positions = torch.arange(start, start + len(ids), dtype=torch.int32, device=ids.device)  # as in token-rows
    used = pages.table[slot, : -(-(start + len(ids)) // pages.cache.shape[4])]

    def attend(query: Tensor, keys: Tensor, values: Tensor, window: int) -> Tensor:
        return attend_chunk(query, keys, values, used, start, weights.scale, window)

    _forward(weights, kernels, pages, ids, torch.full_like(positions, slot), positions, attend)


def _forward(  # noqa: PLR0913, PLR0917
    weights: Weights,
    kernels: Kernels,
    pages: Pages,
    ids: Tensor,
    slots: Tensor,
    positions: Tensor,
    attend: Attention,
) -> Tensor:
    states, residual = embedding(ids, weights.embedding).to(weights.dtype), None
    for layer, (keys, values) in zip(weights.layers, pages.cache, strict=True):
        residual, normed = kernels.add_norm(states, residual, layer.input_norm, weights.eps)
        query = kernels.turn_and_keep(
            layer.qkv(normed),
            *(weights.cosines, weights.sines, positions, slots, pages.table, keys, values, weights.interleaved),
        )
        states = layer.output(attend(query, keys, values, layer.window).flatten(1))
        residual, normed = kernels.add_norm(states, residual, layer.post_norm, weights.eps)
        states = layer.down(kernels.gate(layer.gate_up(normed)))
    return kernels.add_norm(states, residual, weights.norm, weights.eps)[1]


def attend_chunk(  # noqa: PLR0913, PLR0917
    query: Tensor, keys: Tensor, values: Tensor, used: Tensor, start: int, scale: float, window: int
) -> Tensor:
    """Torch's own attention for one text: query [tokens, heads, width] of positions `start` on, over its pages `used`.

    From a text's begin it is just causal, for which there are fast kernels; later a mask says who sees what.
    """
    end = start + len(query)
    key, value = (cache[used].transpose(0, 1).flatten(1, 2)[:, :end] for cache in (keys, values))
    mask, grouped = None, True
    if start or window:
        places = torch.arange(end, device=query.device)
        mask = places[None] <= places[start:, None]
        if window:
            mask &= places[None] > places[start:, None] - window
        if query.is_cuda:  # its kernels that take a mask know no groups
            grouped = False
            key, value = (x.repeat_interleave(query.shape[1] // len(x), dim=0) for x in (key, value))
    query, key, value = query.transpose(0, 1)[None], key[None], value[None]
    attended = scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=grouped
    )
    return attended[0].transpose(0, 1)
