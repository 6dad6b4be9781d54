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

from worker.engine.decode import host
from worker.engine.decode.weights import Weights

Reader = Callable[[Tensor, Tensor, Tensor, int], Tensor]  # of queries, keys and values, the caches and the window


class Layers(Protocol):
    """twins.py says what each takes and computes."""

    add_norm: Callable[..., tuple[Tensor, Tensor]]
    gate: Callable[..., Tensor]


class Kernels(Layers, Protocol):
    """As `Layers`."""

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

    def attend(qkv: Tensor, keys: Tensor, values: Tensor, window: int) -> Tensor:
        query = _turn_and_keep(weights, kernels, pages, qkv, slots, positions, keys, values)
        return kernels.attend(query, keys, values, pages.table, slots, positions, weights.scale, window).flatten(1)

    return _forward(weights, kernels, pages, ids, attend)


def forward_chunk(  # noqa: PLR0913, PLR0917
    weights: Weights, kernels: Kernels, pages: Pages, ids: Tensor, slot: int, start: int
) -> None:
    """Keys and values of a text's tokens from position `start` on: ids [tokens]."""
    positions = torch.arange(start, start + len(ids), dtype=torch.int32, device=ids.device)  # as in token-rows
    slots = torch.full_like(positions, slot)
    used = pages.table[slot, : -(-(start + len(ids)) // pages.cache.shape[4])]

    def attend(qkv: Tensor, keys: Tensor, values: Tensor, window: int) -> Tensor:
        query = _turn_and_keep(weights, kernels, pages, qkv, slots, positions, keys, values)
        return attend_chunk(query, keys, values, used, start, weights.scale, window).flatten(1)

    _forward(weights, kernels, pages, ids, attend)


def forward_on_host(weights: Weights, pages: Pages, ids: Tensor, slots: Tensor, positions: Tensor) -> Tensor:
    """As `forward_rows`, by host.py; a chunk of a text is rows of it."""
    page_tokens = pages.cache.shape[4]
    windows = {layer.window for layer in weights.layers}
    turning = weights.cosines, weights.sines, weights.interleaved, weights.scale
    reader = host.RowReader(pages.table, slots, positions, page_tokens, *turning, windows)
    return _forward(weights, host, pages, ids, reader)


def _turn_and_keep(  # noqa: PLR0913, PLR0917
    weights: Weights,
    kernels: Kernels,
    pages: Pages,
    qkv: Tensor,
    slots: Tensor,
    positions: Tensor,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    turning = weights.cosines, weights.sines, positions, slots
    return kernels.turn_and_keep(qkv, *turning, pages.table, keys, values, weights.interleaved)


def _forward(weights: Weights, kernels: Layers, pages: Pages, ids: Tensor, read: Reader) -> Tensor:
    states, residual = embedding(ids, weights.embedding).to(weights.dtype), None
    for layer, (keys, values) in zip(weights.layers, pages.cache, strict=True):
        residual, normed = kernels.add_norm(states, residual, layer.input_norm, weights.eps)
        states = layer.output(read(layer.qkv(normed), keys, values, layer.window))
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
