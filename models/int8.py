"""Products with 8-bit weights on a CPU: a whole number for each weight, one scale for each output.

A row's result is bit for bit the same alone and among any others. Knows tensors and processors; not models or files.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from models.checkpoint import let_go

# Inputs become whole numbers as well, by each row's largest, and each number two digits of 8 bits or fewer: products of
# digits are added exactly, so neither the order nor the number of rows changes a result.
# "onednn": digits of 8 bits, for processors with VNNI or AMX. They are unsigned: for signed ones oneDNN has a quick
# kernel with AMX alone, and else one 200 times slower.
# "fbgemm": of 7 bits, with which the sums of two products that processors without VNNI make have room in 16 bits.
Kernel8 = Literal["onednn", "fbgemm"]

MOST = 127
_HIGH: dict[Kernel8, int] = {"onednn": 256, "fbgemm": 128}  # a number is so often its first digit, plus its second
_ZERO: dict[Kernel8, int] = {"onednn": 128, "fbgemm": 64}  # is added to both digits
_ONEDNN_MOST = torch.tensor(256.0 * 127)  # as tensors: by a number of Python's a division would be two operations
_FBGEMM_MOST = torch.tensor([[[64.0]], [[128.0 * 64]]])  # of a first digit, and of a number
_ROUNDED = torch.tensor([[[128 - 256 * 128]], [[128]]], dtype=torch.int16)  # may wrap around, as it should
_SHIFTS = torch.tensor([[[8]], [[0]]], dtype=torch.int16)
_LEAST_SCALE = 1e-30  # of a row of zeros
_BLOCK_VALUES = 4 << 20
_STEP_ROWS = 16  # oneDNN keeps 0.3 MB for each number of rows that it has met: from here on there are few of them


def kernel8_here() -> Kernel8 | None:
    """The quick kernel of this machine's processor; None: it has none."""
    features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    vnni = any(features.get(name) for name in ("avx512_vnni", "avx_vnni"))
    return kernel8_of(platform.machine(), torch.backends.cpu.get_cpu_capability(), vnni, exact)


def kernel8_of(machine: str, capability: str, vnni: bool, exact: Callable[[Kernel8], bool]) -> Kernel8 | None:
    """`capability` as torch names it; `exact`: whether a kernel is there and loses nothing. A rule, and no measurement
    of time, so that a text goes on after a restart as it began."""
    if machine.lower() not in {"x86_64", "amd64"} or not capability.startswith("AVX"):
        return None  # not measured on other makers' processors, and five times slower than fp32 without vectors
    if vnni and exact("onednn"):
        return "onednn"
    return "fbgemm" if exact("fbgemm") else None


def exact(kernel: Kernel8) -> bool:
    """Whether it multiplies the largest digits without loss: oneDNN without VNNI saturates, or halves them."""
    weight = torch.full((16, 256), MOST, dtype=torch.int8)
    weight[:, 1::2] = -MOST
    weight[8:] = MOST
    for rows in (1, 2, 16, 40):
        digits = torch.full((rows, 256), MOST if kernel == "onednn" else _ZERO[kernel])
        digits[::2, ::3] = -_ZERO[kernel]
        expected = (digits @ weight.long().t()).float()
        try:
            multiply = _packed(weight, torch.ones(16), kernel)
            given = multiply((digits + _ZERO[kernel]).to(torch.uint8) if kernel == "onednn" else digits.float())
        except (RuntimeError, AttributeError):  # a torch without these products
            return False
        if not torch.equal(given, expected):
            return False
    return True


def quantised8(rows: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values [outputs, inputs] and scales [outputs]: float32 that bf16 holds exactly, for one kernel reads it."""
    exact = rows.float()
    scales = (exact.abs().amax(dim=1) * ((1 + 2.0**-8) / MOST)).clamp(min=_LEAST_SCALE)
    scales = scales.bfloat16().float()
    return (exact / scales[:, None]).round_().to(torch.int8), scales


def quantised8_blocks(weight: Tensor, scales: list[Tensor]) -> Iterator[Tensor]:
    """The values of a weight a few megabytes of rows at a time; their scales are added to `scales`."""
    height = max(1, _BLOCK_VALUES // max(1, weight.shape[1]))
    for block in weight.split(height):
        values, of_block = quantised8(block)
        scales.append(of_block)
        yield values


class Product8:
    """`values` int8 [outputs, inputs], `scales` float32 [outputs], `bias` [outputs]; takes rows [rows, inputs] of any
    float type and returns [rows, outputs] of it. It has a copy of the values, arranged for its kernel."""

    def __init__(self, values: Tensor, scales: Tensor, bias: Tensor | None, kernel: Kernel8) -> None:
        self.outputs = len(values)
        self._bias = bias
        self._high = _HIGH[kernel]
        self._digits = _onednn_digits if kernel == "onednn" else _fbgemm_digits
        self._multiply = _packed(values, scales, kernel)
        let_go(values)

    def __call__(self, rows: Tensor) -> Tensor:
        """Few calls, as each costs about as much as it has to do: beside a large product, whose weights drive all else
        out of the processor's caches, even one that does nothing."""
        if rows.dtype != torch.float32:
            return self(rows.float()).to(rows.dtype)
        count = len(rows)
        largest = rows.abs().amax(dim=1, keepdim=True)  # a norm takes ten times as long
        digits, steps = self._digits(rows, largest)
        many = digits.shape[1]
        product = self._multiply(digits.view(2 * many, -1))
        low = product[many : many + count].add_(product[:count], alpha=self._high)  # `chunk` takes four times as long
        # By infinitely many steps, for a row of zeros, it is 0; by no number, none.
        return low.div_(steps) if self._bias is None else torch.addcdiv(self._bias, low, steps)


# Of rows [rows, inputs] and each one's largest [rows, 1]: the digits [2, rows or more, inputs], and by how much their
# numbers are larger than what they stand for [rows, 1].


def _onednn_digits(rows: Tensor, largest: Tensor) -> tuple[Tensor, Tensor]:
    steps = torch.div(_ONEDNN_MOST, largest)
    numbers = rows.mul(steps).to(torch.int16)
    digits = numbers.add(_ROUNDED).bitwise_right_shift_(_SHIFTS).to(torch.uint8)  # wraps around as well
    many = len(rows)
    spare = -many % _STEP_ROWS if many > _STEP_ROWS else 0
    return nn.functional.pad(digits, (0, 0, 0, spare)) if spare else digits, steps


def _fbgemm_digits(rows: Tensor, largest: Tensor) -> tuple[Tensor, Tensor]:
    """In float32, of which the kernel makes bytes as it goes; it rounds as `round_` does."""
    steps = torch.div(_FBGEMM_MOST, largest)
    digits = rows.mul(steps)
    digits[1].sub_(digits[0].round_(), alpha=_HIGH["fbgemm"])
    return digits, steps[1]


class Linear8(nn.Module):
    """In the place of a model's `nn.Linear`, over values and scales as `Product8` takes them."""

    def __init__(self, values: Tensor, scales: Tensor, bias: Tensor | None, kernel: Kernel8) -> None:
        super().__init__()
        self.out_features, self.in_features = values.shape
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.kernel = kernel
        self.values: Tensor | None = values
        self.scales = scales
        self.made: Product8 | None = None
        self.begin = 0

    def forward(self, inputs: Tensor) -> Tensor:
        product = self.product()
        outputs = product(inputs.reshape(-1, self.in_features)).view(*inputs.shape[:-1], product.outputs)
        return outputs[..., self.begin : self.begin + self.out_features]

    def product(self) -> Product8:
        if self.made is None:
            assert self.values is not None
            self.made = Product8(self.values, self.scales, _data(self.bias), self.kernel)
            self.values = None
        return self.made

    @staticmethod
    def joined(modules: Sequence[Linear8]) -> Product8:
        """One product for modules that read the same inputs: from now on each of them takes its share of it."""
        first = modules[0]
        if len(modules) == 1 or first.made is not None:
            return first.product()
        values = [module.values for module in modules]
        assert all(part is not None for part in values)
        biases = [_data(module.bias) for module in modules]
        product = Product8(
            _side_by_side(values),
            torch.cat([module.scales for module in modules]),
            None if biases[0] is None else torch.cat(biases),  # type: ignore[arg-type]
            first.kernel,
        )
        begin = 0
        for module in modules:
            module.made, module.values, module.begin = product, None, begin
            begin += module.out_features
        return product


class Embedding16(nn.Module):
    """A table that stays as it is in its file, of which only the rows that are read come into memory."""

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", weight, persistent=False)
        self._dtype = dtype

    def forward(self, ids: Tensor) -> Tensor:
        weight: Any = self.weight
        return nn.functional.embedding(ids, weight).to(self._dtype)


def _data(parameter: nn.Parameter | None) -> Tensor | None:
    return None if parameter is None else parameter.data


def _side_by_side(parts: list[Any]) -> Tensor:
    """One tensor of those that follow one another in a mapped file, without a copy; else a copy."""
    first = parts[0]
    at = first.data_ptr()
    for part in parts:
        if part.data_ptr() != at or part.untyped_storage().data_ptr() != first.untyped_storage().data_ptr():
            return torch.cat(parts)
        at += part.nbytes
    whole: Tensor = first.as_strided((sum(map(len, parts)), first.shape[1]), first.stride())
    return whole


def _packed(values: Tensor, scales: Tensor, kernel: Kernel8) -> Callable[[Tensor], Tensor]:
    """The product of digits [rows, inputs] with a weight, [rows, outputs] float32."""
    zeros = torch.zeros(len(values), dtype=torch.int64)
    if kernel == "onednn":
        packed = torch.ops.onednn.qlinear_prepack(values, None)
        multiply = torch.ops.onednn.qlinear_pointwise
        return lambda digits: multiply(
            digits, 1.0, _ZERO[kernel], packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
    engine = torch.backends.quantized.engine
    torch.backends.quantized.engine = "fbgemm"
    try:
        with warnings.catch_warnings(action="ignore"):  # that torch will have no quantised tensors some day
            whole = torch._make_per_channel_quantized_tensor(values, scales.double(), zeros, 0)
        packed = torch.ops.quantized.linear_prepack(whole, None)
    finally:
        torch.backends.quantized.engine = engine
    multiply = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
    return lambda digits: multiply(digits, 1.0, _ZERO[kernel], packed)
