"""The card itself: what it is, and how fast it copies."""

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
