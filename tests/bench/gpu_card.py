"""The card itself: what it is, how fast it copies, what that allows, and one layer's attention by each kernel."""

from __future__ import annotations

import importlib.util
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from tests.bench.gpu_model import Shape

PACKAGES = ("transformers", "tokenizers", "accelerate", "llguidance", "pydantic", "pydantic_settings", "bitsandbytes")
FOR_SPEED = {"flash_attn": "flash-attn", "flash_attn_interface": "flash-attn-3", "triton": "triton"}
COPY_BYTES = 4 << 30
KERNEL_CONTEXT_TOKENS = 600
PAGE_TOKENS = 256


def lacking() -> dict[str, str]:
    """Import name to what is said of it, for every package that is not here."""
    names = {**{name: name for name in PACKAGES}, **FOR_SPEED}
    return {name: f"{shown} is not installed" for name, shown in names.items() if not importlib.util.find_spec(name)}


def about(device: str, shape: Shape) -> dict[str, Any]:
    """What a reader needs to judge a figure by."""
    versions = {"python": platform.python_version(), "torch": torch.__version__, "cuda": torch.version.cuda}
    for package in (*PACKAGES, *FOR_SPEED.values()):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    card = torch.cuda.get_device_name(0) if device == "cuda" else None
    return {"card": card, "driver": _driver() if card else None, "versions": versions, "shape": vars(shape)}


def copy_bandwidth(device: str, tiny: bool) -> float:
    """Bytes a second of a large copy within the card, read and written; the median of many."""
    size = 1 << 20 if tiny else min(COPY_BYTES, torch.cuda.mem_get_info()[0] // 4)
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / median_s(lambda: target.copy_(source), device, times=20)


def sdpa_s(device: str, tiny: bool, shape: Shape, rows: int) -> tuple[float, int]:
    """Seconds of one layer's decode attention over padded rows by torch's own choice of kernel; the bytes it reads."""
    context = 32 if tiny else KERNEL_CONTEXT_TOKENS
    dtype = torch.float16 if device == "cuda" else torch.float32
    query = torch.randn(rows, shape.heads, 1, shape.head_dim, dtype=dtype, device=device)
    key, value = torch.randn(2, rows, shape.groups, context, shape.head_dim, dtype=dtype, device=device)
    sdpa = torch.nn.functional.scaled_dot_product_attention
    seconds = median_s(lambda: sdpa(query, key, value, enable_gqa=True), device)
    return seconds, 2 * key.numel() * key.element_size()


def varlen_s(shape: Shape, rows: int) -> tuple[float, int]:
    """The same over pages, by torch's varlen kernel; CUDA only."""
    from torch.nn.attention.varlen import varlen_attn

    context = KERNEL_CONTEXT_TOKENS
    options: dict[str, Any] = {"dtype": torch.float16, "device": "cuda"}
    pages = -(-context // PAGE_TOKENS)
    query = torch.randn(rows, shape.heads, shape.head_dim, **options)
    key, value = torch.randn(2, rows * pages, PAGE_TOKENS, shape.groups, shape.head_dim, **options)
    table = torch.arange(rows * pages, dtype=torch.int32, device="cuda").view(rows, pages)
    starts = torch.arange(rows + 1, dtype=torch.int32, device="cuda")
    used = torch.full((rows,), context, dtype=torch.int32, device="cuda")
    paged: dict[str, Any] = {"enable_gqa": True, "seqused_k": used, "block_table": table}
    seconds = median_s(lambda: varlen_attn(query, key, value, starts, None, 1, context, **paged), "cuda")
    return seconds, 2 * rows * context * shape.groups * shape.head_dim * key.element_size()


def median_s(call: Callable[[], Any], device: str, times: int = 50) -> float:
    """Of calls that were warmed up, each timed on the device where there is one."""
    for _ in range(3):
        call()
    seconds: list[float] = []
    for _ in range(times):
        if device == "cuda":
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            call()
            end.record()
            end.synchronize()
            seconds.append(start.elapsed_time(end) / 1e3)
        else:
            begun = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def _driver() -> str | None:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None
