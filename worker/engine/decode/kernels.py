"""The loop's kernels in Triton: what twins.py computes, in one launch each where torch takes many.

Every launch has one shape for a number of rows, whatever their positions are, so that a CUDA graph can hold it. Numbers
are rounded where the modules of transformers round them, but within one kernel. Knows tensors; not models.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

KEYS = 64  # a program reads so many at once
PROGRAMS = 264  # fill a large card: two for each of an H100's 132 multiprocessors
MAX_SPLITS = 32  # of a text's keys among programs
LEAST_HEADS = 16  # rows of a matrix product, at least


def add_norm(inputs: Tensor, residual: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    rows, size = inputs.shape
    inputs = inputs.contiguous()
    total = inputs if residual is None else torch.empty_like(inputs)
    normed = torch.empty_like(inputs)
    _add_norm[(rows,)](
        *(inputs, inputs if residual is None else residual, weight, total, normed, eps),
        SIZE=size,
        BLOCK=triton.next_power_of_2(size),
        ADD=residual is not None,
        num_warps=8 if size > 2048 else 4,
    )
    return total, normed


def gate(gate_up: Tensor) -> Tensor:
    rows, size = gate_up.shape[0], gate_up.shape[1] // 2
    gated = torch.empty((rows, size), dtype=gate_up.dtype, device=gate_up.device)
    block = min(1024, triton.next_power_of_2(size))
    _gate[(rows, triton.cdiv(size, block))](gate_up, gated, SIZE=size, BLOCK=block, num_warps=4)
    return gated


def turn_and_keep(
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
    _, groups, page_tokens, width = keys.shape
    heads = qkv.shape[1] // width - 2 * groups
    query = torch.empty((len(qkv), heads, width), dtype=qkv.dtype, device=qkv.device)
    _turn_and_keep[(len(qkv), heads + 2 * groups)](
        *(qkv, cosines, sines, positions, slots, table, keys, values, query),
        HEADS=heads,
        GROUPS=groups,
        WIDTH=width,
        BLOCK=triton.next_power_of_2(width),
        PAIRS=cosines.shape[1],
        PAGE=page_tokens,
        TABLE=table.shape[1],
        INTERLEAVED=interleaved,
        num_warps=1,
    )
    return query


def attend(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    table: Tensor,
    slots: Tensor,
    positions: Tensor,
    scale: float,
    window: int,
) -> Tensor:
    return attend_in(splits_for(len(query), keys.shape[1]), query, keys, values, table, slots, positions, scale, window)


def splits_for(rows: int, groups: int) -> int:
    """Among how many programs a text's keys are split, so that few rows fill the card too."""
    return min(MAX_SPLITS, int(triton.next_power_of_2(-(-PROGRAMS // (rows * groups)))))


def attend_in(
    splits: int,
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    table: Tensor,
    slots: Tensor,
    positions: Tensor,
    scale: float,
    window: int,
) -> Tensor:
    """`splits`: a power of 2. Each part is weighed by itself, and joined by the logarithm of its weights' sum."""
    rows, heads, width = query.shape
    groups, page_tokens = keys.shape[1], keys.shape[2]
    attended = torch.empty_like(query)
    parts = attended if splits == 1 else query.new_empty((rows, heads, splits, width), dtype=torch.float32)
    sums = parts if splits == 1 else query.new_empty((rows, heads, splits), dtype=torch.float32)
    sizes = {"WIDTH": width, "WIDTH_BLOCK": triton.next_power_of_2(width), "SPLITS": splits}
    _attend[(rows, groups, splits)](
        *(query, keys, values, table, slots, positions, parts, sums, scale),
        HEADS=heads // groups,
        HEADS_BLOCK=max(LEAST_HEADS, triton.next_power_of_2(heads // groups)),
        GROUPS=groups,
        PAGE=page_tokens,
        TABLE=table.shape[1],
        WINDOW=window,
        BLOCK=KEYS,
        **sizes,
        num_warps=4,
        num_stages=3 if query.element_size() == 2 else 1,  # what fits a multiprocessor's memory
    )
    if splits > 1:
        _join[(rows * heads,)](parts, sums, attended, **sizes, num_warps=2)
    return attended


@triton.jit
def _add_norm(inputs, residual, weight, total, normed, eps, SIZE: tl.constexpr, BLOCK: tl.constexpr, ADD: tl.constexpr):
    at = tl.arange(0, BLOCK)
    there = at < SIZE
    row = tl.program_id(0).to(tl.int64) * SIZE
    x = tl.load(inputs + row + at, mask=there, other=0.0)
    if ADD:
        x = (tl.load(residual + row + at, mask=there, other=0.0).to(tl.float32) + x.to(tl.float32)).to(x.dtype)
        tl.store(total + row + at, x, mask=there)
    exact = x.to(tl.float32)
    exact = exact / tl.sqrt(tl.sum(exact * exact, 0) / SIZE + eps)
    scaled = tl.load(weight + at, mask=there, other=0.0).to(tl.float32) * exact.to(x.dtype).to(tl.float32)
    tl.store(normed + row + at, scaled.to(x.dtype), mask=there)


@triton.jit
def _gate(gate_up, gated, SIZE: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = at < SIZE
    row = tl.program_id(0).to(tl.int64)
    gates = tl.load(gate_up + row * 2 * SIZE + at, mask=there, other=0.0)
    ups = tl.load(gate_up + row * 2 * SIZE + SIZE + at, mask=there, other=0.0)
    exact = gates.to(tl.float32)
    silu = (exact / (1.0 + tl.exp(-exact))).to(gates.dtype)
    tl.store(gated + row * SIZE + at, (silu.to(tl.float32) * ups.to(tl.float32)).to(gates.dtype), mask=there)


@triton.jit
def _turn_and_keep(
    qkv,
    cosines,
    sines,
    positions,
    slots,
    table,
    keys,
    values,
    query,
    HEADS: tl.constexpr,
    GROUPS: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
    PAIRS: tl.constexpr,
    PAGE: tl.constexpr,
    TABLE: tl.constexpr,
    INTERLEAVED: tl.constexpr,
):
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    d = tl.arange(0, BLOCK)
    there = d < WIDTH
    own = qkv + (row * (HEADS + 2 * GROUPS) + head) * WIDTH
    x = tl.load(own + d, mask=there, other=0.0)
    position = tl.load(positions + row).to(tl.int64)
    if head < HEADS + GROUPS:  # a query or a key
        turning = d < 2 * PAIRS
        if INTERLEAVED:
            pair, other, first = d // 2, d ^ 1, d % 2 == 0
        else:
            pair, other, first = d % PAIRS, tl.where(d < PAIRS, d + PAIRS, d - PAIRS), d < PAIRS
        cos = tl.load(cosines + position * PAIRS + pair, mask=turning, other=1.0).to(tl.float32)
        sin = tl.load(sines + position * PAIRS + pair, mask=turning, other=0.0).to(tl.float32)
        across = tl.load(own + other, mask=turning, other=0.0).to(tl.float32)
        x = (x.to(tl.float32) * cos + tl.where(first, -across, across) * sin).to(x.dtype)
    if head < HEADS:
        tl.store(query + (row * HEADS + head) * WIDTH + d, x, mask=there)
    else:
        slot = tl.load(slots + row).to(tl.int64)
        page = tl.load(table + slot * TABLE + position // PAGE).to(tl.int64)
        group = (head - HEADS) % GROUPS
        at = ((page * GROUPS + group) * PAGE + position % PAGE) * WIDTH
        if head < HEADS + GROUPS:
            tl.store(keys + at + d, x, mask=there)
        else:
            tl.store(values + at + d, x, mask=there)


@triton.jit
def _attend(
    query,
    keys,
    values,
    table,
    slots,
    positions,
    parts,
    sums,
    scale,
    HEADS: tl.constexpr,
    HEADS_BLOCK: tl.constexpr,
    GROUPS: tl.constexpr,
    PAGE: tl.constexpr,
    TABLE: tl.constexpr,
    WINDOW: tl.constexpr,
    BLOCK: tl.constexpr,
    WIDTH: tl.constexpr,
    WIDTH_BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
):
    """All heads of a group in one tile; row, group, split."""
    row, group, split = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    end = tl.load(positions + row).to(tl.int32) + 1
    begin = 0
    if WINDOW > 0:
        begin = tl.maximum(end - WINDOW, 0)
    share = tl.cdiv(tl.cdiv(end - begin, SPLITS), BLOCK) * BLOCK
    begin = begin + split * share
    end = tl.minimum(begin + share, end)
    h, d, b = tl.arange(0, HEADS_BLOCK), tl.arange(0, WIDTH_BLOCK), tl.arange(0, BLOCK)
    head = (row * GROUPS + group) * HEADS + h
    inside = (h < HEADS)[:, None] & (d < WIDTH)[None, :]
    q = tl.load(query + head[:, None] * WIDTH + d[None, :], mask=inside, other=0.0)
    pages = table + tl.load(slots + row).to(tl.int64) * TABLE
    high = tl.full((HEADS_BLOCK,), -1e30, tl.float32)
    total = tl.zeros((HEADS_BLOCK,), tl.float32)
    acc = tl.zeros((HEADS_BLOCK, WIDTH_BLOCK), tl.float32)
    for start in range(begin, end, BLOCK):  # so each round has a key that is seen
        place = start + b
        seen = place < end
        page = tl.load(pages + place // PAGE, mask=seen, other=0).to(tl.int64)
        at = ((page * GROUPS + group) * PAGE + place % PAGE) * WIDTH
        # What is not seen may be anything, NaN too, and a weight of 0 would not undo that.
        k = tl.load(keys + at[None, :] + d[:, None], mask=seen[None, :] & (d < WIDTH)[:, None], other=0.0)
        v = tl.load(values + at[:, None] + d[None, :], mask=seen[:, None] & (d < WIDTH)[None, :], other=0.0)
        score = tl.where(seen[None, :], tl.dot(q, k, input_precision="ieee") * scale, -1e30)
        higher = tl.maximum(high, tl.max(score, 1))
        weight, shrink = tl.exp(score - higher[:, None]), tl.exp(high - higher)
        acc = acc * shrink[:, None] + tl.dot(weight.to(v.dtype), v, input_precision="ieee")
        total, high = total * shrink + tl.sum(weight, 1), higher
    if SPLITS == 1:
        acc = acc / total[:, None]
        tl.store(parts + head[:, None] * WIDTH + d[None, :], acc.to(parts.dtype.element_ty), mask=inside)
    else:
        total = tl.where(total == 0.0, 1e-30, total)  # of a part without keys; a NaN stays one
        part = head * SPLITS + split
        tl.store(parts + part[:, None] * WIDTH + d[None, :], acc / total[:, None], mask=inside)
        tl.store(sums + part, high + tl.log(total), mask=h < HEADS)


@triton.jit
def _join(parts, sums, attended, WIDTH: tl.constexpr, WIDTH_BLOCK: tl.constexpr, SPLITS: tl.constexpr):
    head = tl.program_id(0).to(tl.int64)
    s, d = tl.arange(0, SPLITS), tl.arange(0, WIDTH_BLOCK)
    there = d < WIDTH
    logs = tl.load(sums + head * SPLITS + s)
    share = tl.exp(logs - tl.max(logs, 0))
    part = tl.load(parts + (head * SPLITS + s)[:, None] * WIDTH + d[None, :], mask=there[None, :], other=0.0)
    joined = tl.sum(part * share[:, None], 0) / tl.sum(share, 0)
    tl.store(attended + head * WIDTH + d, joined.to(attended.dtype.element_ty), mask=there)
