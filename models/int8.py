"""Products with 8-bit weights on a CPU: a whole number for each weight, one scale for each output.

A row's result is bit for bit the same alone and among any others. Knows tensors and processors; not models or files.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from models.checkpoint import let_go

# "whole": inputs become whole numbers as well, of 16 bits for each row's largest, as two of 8 bits; oneDNN adds whole
# numbers exactly, so neither the order nor the number of rows changes a result. For processors with VNNI or AMX. The
# two are unsigned: for signed ones oneDNN has a quick kernel with AMX alone, and else one 200 times slower.
# "weights": torch's kernel for 8-bit weights alone, which computes each row by itself; for AVX2 and AVX-512.
Kernel8 = Literal["whole", "weights"]

MOST = 127
_HIGH = 256  # an input is `_HIGH` times its first number, plus its second; both are -128 to 127
_ZERO = 128  # is added to both
_STEPS = torch.tensor(float(_HIGH * MOST))  # a tensor: by a number of Python's the division would be two operations
_ROUNDED = torch.tensor([[[_HIGH // 2 - _HIGH * _ZERO]], [[_ZERO]]], dtype=torch.int16)  # may wrap around, as it should
_SHIFTS = torch.tensor([[[8]], [[0]]], dtype=torch.int16)
_LEAST_SCALE = 1e-30  # of a row of zeros
_BLOCK_VALUES = 4 << 20
_STEP_ROWS = 16  # oneDNN keeps 0.3 MB for each number of rows that it has met: from here on there are few of them
_STEP_INPUTS = 32  # that kernel reads so many at a time, beyond the end too
_SLICE_ROWS = 16  # of the kernel for weights alone: with more at once it takes twice as long for a row


def kernel8_here() -> Kernel8 | None:
    """The quick kernel of this machine's processor; None: it has none."""
    features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    quick = any(features.get(name) for name in ("avx512_vnni", "avx_vnni"))
    return kernel8_of(platform.machine(), torch.backends.cpu.get_cpu_capability(), quick and exact())


def kernel8_of(machine: str, capability: str, whole: bool) -> Kernel8 | None:
    """`capability` as torch names it; `whole`: products of whole numbers are quick and come out exact. A rule and no
    measurement, so that a text goes on after a restart as it began."""
    if machine.lower() not in {"x86_64", "amd64"} or not capability.startswith("AVX"):
        return None  # not measured on other makers' processors, and five times slower than fp32 without vectors
    return "whole" if whole else "weights"


def exact() -> bool:
    """Whether oneDNN multiplies the largest whole numbers without loss: without VNNI it saturates, or halves them."""
    weight = torch.full((16, 256), MOST, dtype=torch.int8)
    weight[:, 1::2] = -MOST
    weight[8:] = MOST
    scales = torch.ones(16)
    for rows in (1, 2, 16, 40):
        inputs = torch.full((rows, 256), _ZERO + MOST, dtype=torch.uint8)
        inputs[::2, ::3] = 0
        expected = ((inputs.long() - _ZERO) @ weight.long().t()).float()
        try:
            given = _whole_product(inputs, _packed(weight), scales, torch.zeros(16, dtype=torch.int64))
        except (RuntimeError, AttributeError):  # a torch without oneDNN, or without these products
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
    """`values` int8 [outputs, inputs], `scales` float32 [outputs], `bias` [outputs]; inputs [..., inputs] of any float
    type, in which the result comes. One kernel has a copy of the values, arranged for it."""

    def __init__(self, values: Tensor, scales: Tensor, bias: Tensor | None, kernel: Kernel8) -> None:
        self.outputs = len(values)
        self._bias = bias
        self._kernel = kernel
        self._scales = scales if kernel == "whole" else scales.bfloat16()
        self._missing = 0 if kernel == "whole" else -values.shape[1] % _STEP_INPUTS
        self._values = nn.functional.pad(values, (0, self._missing)) if self._missing else values
        if kernel == "whole":
            self._values = _packed(values)
            let_go(values)
        self._zeros = torch.zeros(self.outputs if kernel == "whole" else 0, dtype=torch.int64)

    def __call__(self, inputs: Tensor) -> Tensor:
        rows = inputs.reshape(-1, inputs.shape[-1])
        product = self._whole(rows) if self._kernel == "whole" else self._by_weights(rows)
        return product.to(inputs.dtype).view(*inputs.shape[:-1], self.outputs)

    def _whole(self, rows: Tensor) -> Tensor:
        """Few operations, as each costs about as much as it has to do: beside a large product even more."""
        rows = rows.float()
        steps = torch.div(_STEPS, rows.abs().amax(dim=1, keepdim=True))  # a norm takes ten times as long
        numbers = rows.mul(steps).to(torch.int16)
        halves = numbers.add(_ROUNDED).bitwise_right_shift_(_SHIFTS).to(torch.uint8)  # wraps around as well
        many = len(rows)
        if spare := -many % _STEP_ROWS if many > _STEP_ROWS else 0:
            halves = nn.functional.pad(halves, (0, 0, 0, spare))
            many += spare
        product = _whole_product(halves.view(2 * many, -1), self._values, self._scales, self._zeros)
        high, low = product[: len(rows)], product[many : many + len(rows)]  # `chunk` takes four times as long
        low.add_(high, alpha=_HIGH)  # by infinitely many steps, for a row of zeros, it is 0; by no number, none
        return low.div_(steps) if self._bias is None else torch.addcdiv(self._bias, low, steps)

    def _by_weights(self, rows: Tensor) -> Tensor:
        rows = rows.bfloat16()
        if self._missing:
            rows = nn.functional.pad(rows, (0, self._missing))
        parts = [
            torch.ops.aten._weight_int8pack_mm(part, self._values, self._scales) for part in rows.split(_SLICE_ROWS)
        ]
        product: Tensor = (parts[0] if len(parts) == 1 else torch.cat(parts)).float()
        return product if self._bias is None else product.add_(self._bias)


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
        return self.product()(inputs)[..., self.begin : self.begin + self.out_features]

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


def _packed(values: Tensor) -> Tensor:
    packed: Tensor = torch.ops.onednn.qlinear_prepack(values, None)
    return packed


def _whole_product(inputs: Tensor, packed: Tensor, scales: Tensor, zeros: Tensor) -> Tensor:
    product: Tensor = torch.ops.onednn.qlinear_pointwise(
        inputs, 1.0, _ZERO, packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return product
