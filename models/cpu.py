"""What this machine's processor gives a model: cores, memory, and the arithmetic that it is quick in. Knows no models.

Containers are limited by control groups, of which neither torch nor the system's own counts know.
"""

from __future__ import annotations

import ctypes
import math
import os
from pathlib import Path

import torch
from torch import nn

CGROUP = Path("/sys/fs/cgroup")
_PAUSE_SOFT = 1  # omp.h's omp_pause_soft
_SPARE = 2  # times what a model takes must be free before it is held in a wider type than it needs


class Linear(nn.Linear):
    """A float32 layer computed by oneDNN: for the few rows of a decoding step it is about twice as quick as the BLAS
    that torch takes by itself, on processors whose maker is not that BLAS's."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")  # type: ignore[no-any-return]


def quicken(model: nn.Module) -> None:
    """Let a float32 model's plain layers be computed by oneDNN, where torch has it. Same weights, other rounding."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return
    for module in model.modules():
        if type(module) is nn.Linear and module.weight.dtype == torch.float32 and module.weight.device.type == "cpu":
            module.__class__ = Linear


def dtype_for(bytes_at_16: int) -> str:
    """bf16 where the processor computes in it or memory is short, else fp32: emulated bf16 is five times as slow."""
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return "bf16"
    return "fp32" if _SPARE * 2 * bytes_at_16 <= free_memory_bytes() else "bf16"


def cores(cgroup: Path = CGROUP) -> int:
    """The cores that this process may keep busy."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, period = (
        _words(cgroup / "cpu.max")
        or (
            *_words(cgroup / "cpu" / "cpu.cfs_quota_us"),
            *_words(cgroup / "cpu" / "cpu.cfs_period_us"),
        )
        or ("max", "1")
    )
    limited = quota in {"max", "-1"}
    return allowed if limited else max(1, min(allowed, math.ceil(int(quota) / int(period))))


def use_cores() -> None:
    """More threads than a container's cores spin against each other; OMP_NUM_THREADS may ask for fewer."""
    torch.set_num_threads(min(torch.get_num_threads(), cores()))


def end_threads() -> None:
    """End the threads that wait for this one's next parallel operation; that begins new ones.

    For a thread that has loaded a model which another computes with: where more threads are there than cores, libgomp
    lets all of them sleep at the end of an operation instead of spinning, and a step wakes them two hundred times."""
    openmp = ctypes.CDLL(None)  # torch loads its own for all to see
    if hasattr(openmp, "omp_pause_resource_all"):  # since OpenMP 5.0
        openmp.omp_pause_resource_all(_PAUSE_SOFT)


def free_memory_bytes(cgroup: Path = CGROUP, meminfo: Path = Path("/proc/meminfo")) -> int:
    """Memory that can still be taken without pushing anything out."""
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines()) if meminfo.exists() else {}
    free = int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else 0
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        most, taken = _words(cgroup / limit), _words(cgroup / used)
        if most and taken and most[0].isdigit():
            free = min(free, int(most[0]) - int(taken[0]))
    return max(0, free)


def _words(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text().split())
    except OSError:
        return ()
