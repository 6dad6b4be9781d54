"""What cannot be had is refused in words that say what can."""

from __future__ import annotations

import pytest
import torch

from models.placement import attention_of, device_map_of, dtype_of, quantization_of
from shared.errors import ModelUnavailable

CPU = {"": "cpu"}
GPU = {"": "cuda:0"}


@pytest.mark.parametrize("device", ["cuda:99", "mars", "meta", "", "cuda:x"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ModelUnavailable):
        device_map_of(device, 0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_auto_is_the_cpu_where_there_is_no_gpu() -> None:
    assert device_map_of("auto", 10**15) == CPU


def test_auto_dtype_follows_the_device() -> None:
    assert dtype_of("auto", CPU, 0) == ("bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "fp32")
    assert (dtype_of("auto", GPU, 0), dtype_of("fp32", GPU, 0)) == ("fp16", "fp32")


def test_a_model_that_fits_only_in_16_bits_is_held_in_them() -> None:
    assert dtype_of("auto", CPU, 10**15) == "bf16"


@pytest.mark.parametrize(
    ("attention", "dtype", "devices", "reason"),
    [
        ("flash_attention_2", "bf16", CPU, "needs a GPU: use attention=sdpa"),
        ("flashy", "bf16", GPU, "known: auto, sdpa, flash_attention_2, eager"),
    ],
)
def test_an_attention_that_cannot_be_had_is_refused(
    attention: str, dtype: str, devices: dict[str, str], reason: str
) -> None:
    with pytest.raises(ModelUnavailable, match=reason):
        attention_of(attention, dtype, devices)


def test_an_unknown_dtype_or_number_of_bits_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="known: auto, fp16, bf16, fp32"):
        dtype_of("int3", CPU, 0)
    with pytest.raises(ModelUnavailable, match="known: 16, 8, 4"):
        quantization_of(5, "fp16")
