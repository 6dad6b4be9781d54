"""What the kernels compute, in plain torch: for a CPU, and as what the kernels are held against.

Each rounds where transformers' modules round, so that greedy text is theirs. Shapes as in kernels.py; reads positions
on the host, which a CUDA graph cannot.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention, silu


def add_norm(inputs: Tensor, residual: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The new residual, and it normed by its root mean square: all [rows, hidden]."""
    total = inputs if residual is None else residual + inputs
    exact = total.float()
    exact = exact * torch.rsqrt(exact.pow(2).mean(-1, keepdim=True) + eps)
    return total, weight * exact.to(total.dtype)


def gate(gate_up: Tensor) -> Tensor:
    """[rows, 2 x width] to [rows, width]: silu of the first half, times the second."""
    gates, ups = gate_up.chunk(2, dim=-1)
    return silu(gates) * ups


def turn_and_keep(  # noqa: PLR0913, PLR0917 - as the kernel
    qkv: Tensor,
    cosines: Tensor,
    sines: Tensor,
    positions: Tensor,
    slots: Tensor,
    table: Tensor,
    keys: Tensor,
    values: Tensor,
    interleaved: bool,
) -> Tensor:
    """Turns queries and keys by their positions, writes keys and values into their texts' pages, returns the queries
    [rows, heads, width].

    qkv [rows, (heads + 2 groups) x width]; cosines, sines [positions, pairs]; positions, slots [rows]; table [slots,
    pages of a text]; keys, values [pages, groups, tokens of a page, width].
    """
    _, groups, page_tokens, width = keys.shape
    heads = qkv.shape[1] // width - 2 * groups
    query, key, value = qkv.view(len(qkv), -1, width).split((heads, groups, groups), dim=1)
    cos, sin = cosines[positions][:, None], sines[positions][:, None]
    page, place = table[slots, positions // page_tokens], positions % page_tokens
    keys[page, :, place] = _turned(key, cos, sin, interleaved)
    values[page, :, place] = value
    return _turned(query, cos, sin, interleaved)


def _turned(heads: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> Tensor:
    pairs = cos.shape[-1]
    turning, rest = heads[..., : 2 * pairs], heads[..., 2 * pairs :]
    if interleaved:
        one, other = turning[..., 0::2], turning[..., 1::2]
    else:
        one, other = turning[..., :pairs], turning[..., pairs:]
    ones, others = one * cos + -other * sin, other * cos + one * sin
    turned = torch.stack((ones, others), dim=-1).flatten(-2) if interleaved else torch.cat((ones, others), dim=-1)
    return torch.cat((turned, rest), dim=-1)


def attend(  # noqa: PLR0913, PLR0917 - as the kernel
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    table: Tensor,
    slots: Tensor,
    positions: Tensor,
    scale: float,
    window: int,
) -> Tensor:
    """Each row's query over its text's keys up to its own position, at most `window` of them (0: all); as `query`."""
    page_tokens = keys.shape[2]
    pages = table[slots, : int(positions.max()) // page_tokens + 1]  # [rows, pages]
    places = torch.arange(pages.shape[1] * page_tokens, device=query.device)[None]
    seen = places <= positions[:, None]
    if window:
        seen &= places > positions[:, None] - window
    # What is not seen may be anything, NaN too, and a weight of 0 would not undo that.
    key, value = (_in_order(cache, pages).masked_fill(~seen[:, None, :, None], 0) for cache in (keys, values))
    mask = seen[:, None, None]
    return scaled_dot_product_attention(
        query[:, :, None], key, value, attn_mask=mask, scale=scale, enable_gqa=True
    ).squeeze(2)


def _in_order(cache: Tensor, pages: Tensor) -> Tensor:
    """[rows, groups, tokens, width] of the pages [rows, pages of a text]."""
    return cache[pages].transpose(1, 2).flatten(2, 3)
