"""Whether a model's weights fit a device before they are loaded, and in what precision they would. Knows no device."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from models.catalogue import BYTES_PER_WEIGHT, Parameters
from models.formats import is_scale, quantised
from shared.errors import ModelUnavailable

_SPARE = 1.1  # of the weights: what a loaded model needs besides them at the least
KEPT_AT_16 = ("embed", "wte", "lm_head", "output_layer")  # in names of tensors that bitsandbytes leaves as they are


def parameters_of(tensors: Mapping[str, torch.Tensor]) -> Parameters:
    """Of a checkpoint, whatever its layout; of a quantised one as many as it had before."""
    bits = quantised(tensors)
    total = kept = 0
    for name, tensor in tensors.items():
        if name in bits:
            total += tensor.nbytes * 8 // bits[name]
        elif not is_scale(name, bits):
            total += tensor.numel()
            kept += tensor.numel() if bits or any(part in name for part in KEPT_AT_16) else 0
    return Parameters(total, kept)


def needed_bytes(parameters: Parameters, weight_bits: int, dtype: str = "fp16") -> int:
    """What the device must have free; raises `ModelUnavailable` for bits that nothing can do."""
    if weight_bits not in BYTES_PER_WEIGHT:
        raise ModelUnavailable(f"{weight_bits} weight bits are not supported; known: 16, 8, 4")
    factor = 2 if dtype == "fp32" and weight_bits == 16 else 1
    return round(_SPARE * factor * parameters.memory_bytes(weight_bits))


def fitting(parameters: Parameters, free_bytes: int) -> list[int]:
    """The bits a weight at which they fit, the most precise first."""
    return [bits for bits in BYTES_PER_WEIGHT if needed_bytes(parameters, bits) <= free_bytes]


def require_room(  # noqa: PLR0913 - what is asked for, what there is, and what cannot be changed
    parameters: Parameters, weight_bits: int, dtype: str, free_bytes: int, device: str, *, held_bits: int = 16
) -> None:
    """Raises `ModelUnavailable` naming what would fit; weights that the checkpoint holds quantised stay as they are."""
    needed = needed_bytes(parameters, weight_bits, dtype)
    if needed <= free_bytes:
        return
    others = [
        f"weight_bits={bits} ({needed_bytes(parameters, bits) / 1e9:.1f} GB)"
        for bits in fitting(parameters, free_bytes)
        if bits < weight_bits and held_bits == 16
    ]
    if weight_bits == 16 and dtype == "fp32" and 16 in fitting(parameters, free_bytes):
        others.insert(0, f"dtype=fp16 ({needed_bytes(parameters, 16) / 1e9:.1f} GB)")
    fix = (
        f"{' or '.join(others)} would fit"
        if others
        else "nothing smaller fits either; free its memory, or use device=cpu"
    )
    raise ModelUnavailable(
        f"with {weight_bits} bits a weight the model needs {needed / 1e9:.1f} GB"
        f" and {device} has {free_bytes / 1e9:.1f} GB free: {fix}"
    )
