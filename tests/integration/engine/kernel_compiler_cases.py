"""Triton's compiler takes the loop's kernels to machine code for GPUs, which need not be there: what the interpreter
lets pass (types, shapes of products, the memory of a multiprocessor) shows here.

Run by test_decode_kernels.py in a process of its own, which has Triton.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from worker.engine.decode import kernels

AMPERE, HOPPER = 80, 90
SHARED_BYTES = {AMPERE: 163 * 1024, HOPPER: 227 * 1024}  # of a multiprocessor, for one program at most
SHAPES = [(32, 2, 128), (32, 32, 128), (28, 4, 128), (14, 2, 64), (32, 8, 96)]


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


class Launch:
    """In a kernel's place: compiles it for the arguments of a launch instead of launching it."""

    def __init__(self, kernel: Any, capability: int) -> None:
        self.kernel, self.capability = kernel, capability
        self.compiled: list[Any] = []

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return self._compile

    def _compile(self, *values: Any, num_warps: int = 4, num_stages: int = 3, **sizes: Any) -> None:
        names = self.kernel.arg_names
        types = [f"*{_type(value)}" if isinstance(value, torch.Tensor) else "fp32" for value in values]
        types += ["constexpr"] * (len(names) - len(values))
        constants = {(names.index(name),): value for name, value in sizes.items()}
        aligned = {(at,): [["tt.divisibility", 16]] for at, kind in enumerate(types) if kind[0] == "*"}
        source = ASTSource(self.kernel, dict(zip(names, types, strict=True)), constants, aligned)
        options = {"num_warps": num_warps, "num_stages": num_stages}
        target = GPUTarget("cuda", self.capability, 32)
        self.compiled.append(triton.compile(source, target=target, options=options))


def _type(tensor: torch.Tensor) -> str:
    return {torch.float16: "fp16", torch.bfloat16: "bf16", torch.float32: "fp32", torch.int32: "i32"}[tensor.dtype]


@pytest.mark.parametrize(
    ("capability", "dtype", "shape", "window"),
    [
        *((HOPPER, torch.float16, shape, 0) for shape in SHAPES),
        (HOPPER, torch.float16, SHAPES[0], 4096),
        (HOPPER, torch.bfloat16, SHAPES[0], 0),
        (HOPPER, torch.float32, SHAPES[0], 0),
        (AMPERE, torch.float16, SHAPES[0], 0),
        (AMPERE, torch.bfloat16, SHAPES[2], 4096),
    ],
)
def test_they_compile(
    monkeypatch: pytest.MonkeyPatch, capability: int, dtype: torch.dtype, shape: tuple[int, int, int], window: int
) -> None:
    launches = {name: Launch(getattr(kernels, name), capability) for name in vars(kernels) if _is_kernel(name)}
    for name, launch in launches.items():
        monkeypatch.setattr(kernels, name, launch)
    heads, groups, width = shape
    places, table = torch.zeros(2, dtype=torch.int32), torch.zeros((3, 128), dtype=torch.int32)
    keys = torch.zeros((5, groups, 32, width), dtype=dtype)
    query, qkv = (
        torch.zeros((2, heads, width), dtype=dtype),
        torch.zeros((2, (heads + 2 * groups) * width), dtype=dtype),
    )
    turns, states = torch.zeros((64, width // 4), dtype=dtype), torch.zeros((2, 4096), dtype=dtype)

    for splits in (1, 4):
        kernels.attend_in(splits, query, keys, keys, table, places, places, 0.1, window)
    for interleaved in (True, False):
        kernels.turn_and_keep(qkv, turns, turns, places, places, table, keys, keys, interleaved)
    for residual in (None, states):
        kernels.add_norm(states, residual, states[0], 1e-5)
    kernels.gate(states)

    assert {name: len(launch.compiled) for name, launch in launches.items()} == {
        "_add_norm": 2,
        "_attend": 2,
        "_gate": 1,
        "_join": 1,
        "_turn_and_keep": 2,
    }
    for launch in launches.values():
        for compiled in launch.compiled:
            assert compiled.asm["cubin"]
            assert compiled.metadata.shared <= SHARED_BYTES[capability]
    if dtype != torch.float32:
        for compiled in launches["_attend"].compiled:
            assert "mma.sync" in compiled.asm["ptx"]  # on tensor cores
            assert 2 * compiled.metadata.shared <= SHARED_BYTES[capability]  # two of them at least run side by side


def _is_kernel(name: str) -> bool:
    return isinstance(getattr(kernels, name), triton.runtime.JITFunction)
