"""The loop's Triton kernels under Triton's interpreter, on a CPU: each computes what its twin in torch does.

Run by test_decode_kernels.py in a process of its own, which has Triton. How fast the kernels are, and whether a
compiler for a GPU takes them, only a card shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import triton.language as tl
from torch import Tensor
from triton.runtime import interpreter

from tests.integration.engine.native import VOCABULARY, WAYS, native
from worker.engine.decode import kernels, proof, twins
from worker.engine.decode.device import Device

ERRORS = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1.5e-2}  # of the norm
GLM, LLAMA2, LLAMA3, QWEN05, QWEN7 = (32, 2, 128), (32, 32, 128), (32, 8, 128), (14, 2, 64), (28, 4, 128)
PHI, STABLE = (32, 32, 80), (32, 8, 96)
DTYPES = tuple(ERRORS)


@pytest.fixture(autouse=True, scope="module")
def _products_of_bfloat16() -> Iterator[None]:
    """The interpreter keeps bfloat16 as integers, and multiplies those."""
    builder, exact = interpreter.InterpreterBuilder, interpreter.InterpreterBuilder.create_dot

    def create_dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        return exact(self, *(_exact(x) if x.dtype.scalar == tl.bfloat16 else x for x in (a, b)), *rest)

    builder.create_dot = create_dot
    yield
    builder.create_dot = exact


def _exact(bits: Any) -> Any:
    values = (bits.data.astype(np.uint32) << 16).view(np.float32)
    return interpreter.TensorHandle(values, tl.float32)


def error(actual: Tensor, expected: Tensor) -> float:
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    return float((actual.float() - expected.float()).norm() / expected.float().norm())


class Drawn:
    """Pages of texts in any order, with NaN wherever no token is."""

    def __init__(self, heads: int, groups: int, width: int, page: int, used: list[int], dtype: torch.dtype) -> None:
        draw = torch.Generator().manual_seed(sum(used) + heads)
        rows = len(used)
        pages = -(-max(used) // page)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=draw).to(dtype)

        self.query = normal(rows, heads, width)
        self.keys, self.values = normal(rows * pages, groups, page, width), normal(rows * pages, groups, page, width)
        self.table = torch.randperm(rows * pages, generator=draw).to(torch.int32).view(rows, pages)
        self.slots = torch.randperm(rows, generator=draw).to(torch.int32)
        self.positions = torch.tensor(used, dtype=torch.int32) - 1
        self.qkv = normal(rows, (heads + 2 * groups) * width)
        for slot, position in zip(self.slots.tolist(), self.positions.tolist(), strict=True):
            for number, at in enumerate(self.table[slot].tolist()):
                free = max(0, position + 1 - number * page)
                self.keys[at, :, free:] = self.values[at, :, free:] = torch.nan

    def attended(self, kernel: Any, *splits: int, window: int = 0) -> Tensor:
        scale = self.query.shape[2] ** -0.5
        texts = (self.query, self.keys, self.values, self.table, self.slots, self.positions)
        attended: Tensor = kernel(*splits, *texts, scale, window)
        return attended


@pytest.mark.parametrize(
    ("shape", "page", "used", "window", "splits", "dtype"),
    [
        (GLM, 16, [1, 16, 17, 130], 0, 1, torch.float16),
        (GLM, 256, [64, 65, 300], 0, 4, torch.bfloat16),
        (LLAMA2, 32, [70], 0, 1, torch.float16),
        (LLAMA3, 32, [1, 129], 100, 2, torch.bfloat16),
        (QWEN05, 16, [1, 200], 0, 8, torch.float32),
        (QWEN7, 32, [32, 70], 64, 4, torch.float16),
        (PHI, 16, [17], 0, 1, torch.float32),
        (STABLE, 48, [49, 97], 1, 2, torch.bfloat16),
    ],
)
def test_attention_over_pages(
    shape: tuple[int, int, int], page: int, used: list[int], window: int, splits: int, dtype: torch.dtype
) -> None:
    texts = Drawn(*shape, page, used, dtype)

    actual = texts.attended(kernels.attend_in, splits, window=window)

    assert error(actual, texts.attended(twins.attend, window=window)) < ERRORS[dtype]


@pytest.mark.slow
@pytest.mark.parametrize("page", [16, 32, 256])
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        (GLM, DTYPES[1]),
        (QWEN05, DTYPES[0]),
        ((7, 1, 128), DTYPES[1]),
        ((4, 1, 128), DTYPES[2]),
        ((2, 2, 80), DTYPES[2]),
    ],
)
def test_attention_over_pages_of_every_size(shape: tuple[int, int, int], dtype: torch.dtype, page: int) -> None:
    texts = Drawn(*shape, page, sorted({1, page, page + 1, 64, 2 * page + 1, 200}), dtype)
    for window, splits in ((0, 1), (1, 2), (50, 1), (page, 4), (1000, 8)):
        expected = texts.attended(twins.attend, window=window)
        assert error(texts.attended(kernels.attend_in, splits, window=window), expected) < ERRORS[dtype]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_texts_own_numbers_that_are_none_reach_only_its_row() -> None:
    texts = Drawn(*GLM, 16, [40, 70, 70], torch.float16)
    slot = int(texts.slots[1])
    texts.values[int(texts.table[slot, 0]), 0, 3] = torch.nan
    texts.keys[int(texts.table[slot, 4]), 1, 2] = torch.inf

    for splits in (1, 4):
        actual = texts.attended(kernels.attend_in, splits)

        assert not actual[1].isfinite().any()
        assert actual[[0, 2]].isfinite().all()


@pytest.mark.parametrize(
    ("shape", "pairs", "page", "dtype", "interleaved"),
    [
        (GLM, 32, 16, torch.float16, True),
        (QWEN05, 32, 256, torch.bfloat16, False),
        ((4, 4, 80), 16, 48, torch.float32, False),
        ((4, 2, 64), 32, 32, torch.float32, True),
    ],
)
def test_turning_and_keeping(
    shape: tuple[int, int, int], pairs: int, page: int, dtype: torch.dtype, interleaved: bool
) -> None:
    texts = Drawn(*shape, page, [1, 17, 100], dtype)
    angles = torch.arange(128)[:, None] * 10_000.0 ** (-torch.arange(pairs) / pairs)
    cosines, sines = angles.cos().to(dtype), angles.sin().to(dtype)
    results = []
    for module in (kernels, twins):
        keys, values = torch.zeros_like(texts.keys), torch.zeros_like(texts.values)
        where = (texts.positions, texts.slots, texts.table, keys, values)
        results.append((module.turn_and_keep(texts.qkv, cosines, sines, *where, interleaved), keys, values))

    for actual, expected in zip(*results, strict=True):
        assert error(actual, expected) < ERRORS[dtype]
    assert torch.equal(results[0][2], results[1][2])  # values are only moved


@pytest.mark.parametrize(("size", "dtype"), [*zip((64, 896, 4096), DTYPES, strict=True)])
def test_adding_and_norming(size: int, dtype: torch.dtype) -> None:
    inputs, residual = torch.randn(2, 3, size, generator=torch.Generator().manual_seed(size)).to(dtype) * 3
    weight = torch.linspace(-1, 2, size).to(dtype)

    for before in (None, residual):
        actual, expected = (module.add_norm(inputs, before, weight, 1e-5) for module in (kernels, twins))

        for one, other in zip(actual, expected, strict=True):
            assert error(one, other) < ERRORS[dtype]


@pytest.mark.parametrize(("size", "dtype"), [*zip((96, 1500, 1024), DTYPES, strict=True)])
def test_gating(size: int, dtype: torch.dtype) -> None:
    gate_up = torch.randn(3, 2 * size, generator=torch.Generator().manual_seed(size)).to(dtype) * 6

    assert error(kernels.gate(gate_up), twins.gate(gate_up)) < ERRORS[dtype]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_half_precision_overflows_where_the_modules_do() -> None:
    big = torch.full((1, 64), 300.0, dtype=torch.float16)

    for module in (kernels, twins):
        assert module.gate(torch.cat([big, big], dim=1)).isposinf().all()
        assert module.add_norm(big * 200, big * 200, big, 1e-5)[0].isposinf().all()


@pytest.mark.parametrize(
    ("way", "tokens"), [("glm", 4), *(pytest.param(way, 9, marks=pytest.mark.slow) for way in sorted(WAYS))]
)
def test_the_loop_proves_itself_with_its_kernels(way: str, tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "PROGRAMS", 16)  # each takes the interpreter some milliseconds
    monkeypatch.setattr(proof, "TRIED_TOKENS", tokens)
    model = native(way)
    device = Device(
        model, rows=2, pages=20, page_tokens=3, table_width=10, vocabulary_size=VOCABULARY, kernels="triton"
    )

    assert proof.prove(model, device) < proof.MAX_ERRORS[torch.float32]


@pytest.mark.parametrize(("rows", "groups", "splits"), [(1, 2, 32), (8, 2, 32), (64, 2, 4), (128, 2, 2), (64, 32, 1)])
def test_few_rows_are_split_among_many_programs(rows: int, groups: int, splits: int) -> None:
    assert kernels.splits_for(rows, groups) == splits
