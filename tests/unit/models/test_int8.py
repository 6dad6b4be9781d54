"""Products with 8-bit weights: what they compute, on which processors, and that no row depends on its neighbours."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from models.int8 import Kernel8, Linear8, Product8, exact, kernel8_of, quantised8
from tests.heap import held_bytes

ROWS = (1, 2, 3, 5, 8, 12, 16, 17, 33, 64, 100)
KERNELS: list[Kernel8] = ["onednn", "fbgemm"]


def product(outputs: int, inputs: int, kernel: Kernel8) -> tuple[Product8, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(outputs)
    weight, bias = torch.randn(outputs, inputs, generator=draw), torch.randn(outputs, generator=draw)
    values, scales = quantised8(weight)
    return Product8(values, scales, bias, kernel), values.float() * scales[:, None], bias


def inputs_of(rows: int, width: int) -> torch.Tensor:
    inputs = torch.randn(rows, width, generator=torch.Generator().manual_seed(1))
    inputs[:, 3] *= 50  # as models have them
    return inputs


@pytest.mark.parametrize(
    ("machine", "capability", "vnni", "exact", "kernel"),
    [
        ("x86_64", "AVX512", True, KERNELS, "onednn"),
        ("x86_64", "AVX512", False, KERNELS, "fbgemm"),
        ("AMD64", "AVX2", True, KERNELS, "onednn"),
        ("x86_64", "AVX2", True, ["fbgemm"], "fbgemm"),
        ("x86_64", "AVX2", False, ["fbgemm"], "fbgemm"),
        ("x86_64", "AVX2", False, [], None),
        ("x86_64", "DEFAULT", True, KERNELS, None),
        ("x86_64", "NO AVX", False, KERNELS, None),
        ("aarch64", "DEFAULT", True, KERNELS, None),
        ("aarch64", "SVE256", True, KERNELS, None),
        ("arm64", "DEFAULT", False, KERNELS, None),
    ],
)
def test_the_kernel_of_a_processor(
    machine: str, capability: str, vnni: bool, exact: list[Kernel8], kernel: Kernel8 | None
) -> None:
    assert kernel8_of(machine, capability, vnni, exact.__contains__) == kernel


def test_this_processor_multiplies_exactly_where_it_has_vectors() -> None:
    if torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        assert exact("fbgemm")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("outputs", "inputs"), [(96, 64), (64, 96), (4864, 896), (1001, 130)])
def test_a_row_is_the_same_bit_for_bit_in_any_batch(kernel: Kernel8, outputs: int, inputs: int) -> None:
    _require(kernel)
    multiply, *_ = product(outputs, inputs, kernel)
    rows = inputs_of(max(ROWS), inputs)

    together = multiply(rows)

    for count in ROWS:
        assert torch.equal(multiply(rows[:count]), together[:count])
        assert torch.equal(multiply(rows[-count:]), together[-count:])


PRODUCTS = """
import hashlib
import torch
from models.int8 import Product8, quantised8
draw = torch.Generator().manual_seed(1)
multiply = Product8(*quantised8(torch.randn(130, 96, generator=draw)), None, "onednn")
rows = torch.randn(40, 96, generator=draw)
print(hashlib.sha256(b"".join(multiply(rows[:n]).numpy().tobytes() for n in (1, 8, 40))).hexdigest())
"""


def test_processors_with_vnni_alone_multiply_quickly_and_the_same() -> None:
    """oneDNN's reference of a product, for what it has no kernel for, takes 200 times as long."""
    _require("onednn")
    results = []
    for most in ("AVX2_VNNI", "AVX512_CORE_VNNI", "ALL"):
        environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": most, "ONEDNN_VERBOSE": "1"}
        run = subprocess.run(
            [sys.executable, "-c", PRODUCTS], env=environment, capture_output=True, text=True, check=True
        )
        *lines, result = run.stdout.splitlines()
        products = [line for line in lines if "exec" in line]
        assert products
        assert [line for line in products if ",ref" in line] == []
        results.append(result)

    assert len(set(results)) == 1


def test_prompts_of_every_length_leave_little_in_memory() -> None:
    _require("onednn")
    multiply, *_ = product(96, 64, "onednn")
    rows = inputs_of(150, 64)
    multiply(rows)

    before = held_bytes()
    for count in range(17, 150):
        multiply(rows[:count])

    assert held_bytes() - before < 5_000_000  # 0.3 MB for each number of rows would be 40


@pytest.mark.parametrize(("kernel", "error"), [("onednn", 1e-3), ("fbgemm", 2e-3)])
def test_only_the_weights_lose_bits(kernel: Kernel8, error: float) -> None:
    _require(kernel)
    multiply, weight, bias = product(256, 512, kernel)
    inputs = inputs_of(20, 512)
    expected = inputs @ weight.t() + bias

    assert (multiply(inputs) - expected).norm() <= error * expected.norm()


def test_a_weight_is_off_by_at_most_a_step_of_its_output() -> None:
    weight = torch.randn(30, 200, generator=torch.Generator().manual_seed(2)) * torch.logspace(-6, 6, 30)[:, None]
    weight[7] = 0

    values, scales = quantised8(weight)

    assert ((values * scales[:, None] - weight).abs() <= 0.505 * scales[:, None]).all()
    assert (scales * 127 <= weight.abs().amax(dim=1).clamp(min=1e-27) * 1.01).all()
    assert torch.equal(scales, scales.bfloat16().float())


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_stays_none_and_spoils_no_other_row(kernel: Kernel8, bad: float) -> None:
    _require(kernel)
    multiply, *_ = product(64, 64, kernel)
    inputs = inputs_of(4, 64)
    good = multiply(inputs)
    inputs[1, 5] = bad

    result = multiply(inputs)

    assert not result[1].isfinite().any()
    assert torch.equal(result[[0, 2, 3]], good[[0, 2, 3]])


@pytest.mark.parametrize("kernel", KERNELS)
def test_joined_layers_compute_what_each_did(kernel: Kernel8) -> None:
    _require(kernel)
    weights = [torch.randn(rows, 64, generator=torch.Generator().manual_seed(rows)) for rows in (96, 32, 32)]
    layers = [Linear8(*quantised8(weight), torch.ones(len(weight)), kernel) for weight in weights]
    alone = [Linear8(*quantised8(weight), torch.ones(len(weight)), kernel) for weight in weights]
    inputs = inputs_of(3, 64)

    joined = Linear8.joined(layers)

    expected = [layer(inputs) for layer in alone]
    assert torch.equal(joined(inputs), torch.cat(expected, dim=-1))
    assert all(torch.equal(layer(inputs), each) for layer, each in zip(layers, expected, strict=True))
    assert Linear8.joined(layers) is joined


def _require(kernel: Kernel8) -> None:
    if not exact(kernel):
        pytest.skip("this processor's products of digits are not exact")
