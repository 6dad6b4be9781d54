"""Where a model goes and in what precision: device, dtype, bits, attention. Knows hardware, not models.

Each choice that cannot be had raises `ModelUnavailable` saying what can.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from typing import Any, Literal

import torch

from models import cpu
from models.int8 import Kernel8
from shared.errors import ModelUnavailable

log = logging.getLogger(__name__)

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
ATTENTIONS = ("sdpa", "flash_attention_2", "eager")


def device_map_of(device: str, needed_bytes: int) -> str | dict[str, str]:
    """One device, or "balanced" for a model larger than one GPU where there are several."""
    if device == "auto":
        return _auto(needed_bytes)
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise ModelUnavailable(f"{device} is no device; use auto, cpu or cuda:N") from error
    if wanted.type == "cuda":
        index = wanted.index or 0
        if index >= torch.cuda.device_count():
            raise ModelUnavailable(f"{device} is not there: {torch.cuda.device_count()} GPUs are visible")
        return {"": f"cuda:{index}"}
    if wanted.type != "cpu":
        raise ModelUnavailable(f"{device} is no device that is supported; use auto, cpu or cuda:N")
    return {"": "cpu"}


def _auto(needed_bytes: int) -> str | dict[str, str]:
    if not torch.cuda.is_available():
        return {"": "cpu"}
    if torch.cuda.device_count() > 1 and needed_bytes > torch.cuda.mem_get_info(0)[0]:
        return "balanced"
    return {"": "cuda:0"}


def make_current(devices: str | dict[str, str]) -> None:
    """What this thread asks of CUDA without naming a card (pinned memory, streams, graphs) is of this one; no other is
    touched."""
    if isinstance(devices, dict) and not _on_cpu(devices):
        torch.cuda.set_device(devices[""])


def free_bytes_of(devices: str | dict[str, str]) -> int | None:
    """What is free there now; None: a CPU's memory is not for us to count."""
    if _on_cpu(devices):
        return None
    named = range(torch.cuda.device_count()) if isinstance(devices, str) else [torch.device(devices[""]).index or 0]
    return sum(torch.cuda.mem_get_info(index)[0] for index in named)


def gpu_id(device: str) -> str:
    """The same name for a card in every process and container that sees it; empty for a CPU."""
    if not device.startswith("cuda"):
        return ""
    return f"GPU-{torch.cuda.get_device_properties(torch.device(device)).uuid}"


def bits_of(
    wanted: int | Literal["auto"],
    held_bits: int,
    devices: str | dict[str, str],
    kernel: Callable[[], Kernel8 | None],
) -> tuple[int, Kernel8 | None]:
    """The bits of a weight, and the kernel of ours that computes with them; None: torch's layers, or bitsandbytes'."""
    if held_bits != 16 or not _on_cpu(devices):
        return 16 if wanted == "auto" else wanted, None
    if wanted not in {"auto", 8}:
        return int(wanted), None
    if quick := kernel():
        return 8, quick
    if wanted == "auto":
        log.info("weights stay at 16 bits: this processor has no quick products with 8")
        return 16, None
    log.info("8 bits by bitsandbytes, which saves memory and no time: this processor has no quick products with them")
    return 8, None


def dtype_of(
    dtype: str,
    devices: str | dict[str, str],
    bytes_at_16: int,
    weight_bits: int = 16,
    kernel: Kernel8 | None = None,
) -> str:
    if dtype == "auto" and kernel is not None:
        return "fp32"  # of all that is no weight: it costs nothing beside the products
    if dtype == "auto" and _on_cpu(devices):
        return cpu.dtype_for(bytes_at_16) if weight_bits == 16 else "bf16"
    if dtype == "auto":
        return "fp16"
    if dtype not in DTYPES:
        raise ModelUnavailable(f"{dtype} is no dtype; known: auto, {', '.join(DTYPES)}")
    return dtype


def attention_of(attention: str, dtype: str, devices: str | dict[str, str]) -> str:
    """The name by which transformers loads the model; `auto` is loaded with torch's own. Whether flash attention or a
    kernel takes its place is settled when the engine starts (worker/engine/attention.py)."""
    if attention == "auto":
        return "sdpa"
    if attention not in ATTENTIONS:
        raise ModelUnavailable(f"{attention} is no attention; known: auto, {', '.join(ATTENTIONS)}")
    if attention == "flash_attention_2":
        if _on_cpu(devices):
            raise ModelUnavailable("flash_attention_2 needs a GPU: use attention=sdpa")
        if importlib.util.find_spec("flash_attn") is None:
            raise ModelUnavailable("flash_attention_2 needs the package flash-attn: install it, or use attention=sdpa")
        if dtype == "fp32":
            raise ModelUnavailable("flash_attention_2 needs fp16 or bf16: use attention=sdpa for fp32")
    return attention


def quantization_of(weight_bits: int, dtype: str) -> Any:
    """How bitsandbytes quantises each weight while it loads; None for 16 bits."""
    if weight_bits == 16:
        return None
    if weight_bits not in (8, 4):
        raise ModelUnavailable(f"{weight_bits} weight bits are not supported; known: 16, 8, 4")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelUnavailable("weight_bits=8 and 4 need the package bitsandbytes")
    from transformers import BitsAndBytesConfig

    if weight_bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=DTYPES[dtype])


def leave_odd_sizes_alone(model: Any) -> None:
    """bitsandbytes' quick 4-bit kernel for CPUs fails on layers that are no multiple of its blocks."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu") and (module.out_features % 32 or module.in_features % 64):
            module.support_avx512bf16_for_cpu = False


def _on_cpu(devices: str | dict[str, str]) -> bool:
    return devices == {"": "cpu"}
