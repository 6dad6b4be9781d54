"""A container's limits count, and the quicker layers compute what torch's own do."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import nn

from models import cpu
from tests.integration.worker.processes import until
from tests.threads import computing_with

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("file", "text", "cores"),
    [
        ("cpu.max", "max 100000\n", ALL),
        ("cpu.max", "50000 100000\n", 1),
        ("cpu.max", f"{ALL * 100_000 - 50_000} 100000\n", ALL),
        ("cpu.max", "99900000 100000\n", ALL),
        ("nothing", "", ALL),
    ],
)
def test_cores_are_what_the_control_group_leaves(tmp_path: Path, file: str, text: str, cores: int) -> None:
    (tmp_path / file).write_text(text)

    assert cpu.cores(tmp_path) == cores


def test_cores_of_an_older_control_group_count_too(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")

    assert cpu.cores(tmp_path) == 1


def test_free_memory_is_the_least_of_machine_and_container(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       24000 kB\nMemAvailable:       20000 kB\n")
    assert cpu.free_memory_bytes(tmp_path, meminfo) == 20000 * 1024

    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("2000000\n")
    assert cpu.free_memory_bytes(tmp_path, meminfo) == 3000000

    (tmp_path / "memory.max").write_text("max\n")
    assert cpu.free_memory_bytes(tmp_path, meminfo) == 20000 * 1024


@pytest.mark.parametrize("bias", [True, False])
def test_a_quickened_layer_computes_the_same(bias: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 96, bias=bias), nn.Linear(96, 32, bias=bias).bfloat16())
    rows = torch.randn(2, 5, 64)
    with torch.no_grad():
        plain = model[0](rows)

        cpu.quicken(model)

        assert [type(layer) for layer in model] == [cpu.Linear, nn.Linear]  # only what is float32
        torch.testing.assert_close(model[0](rows), plain)


def test_a_thread_that_loaded_a_model_leaves_none_behind() -> None:
    def load() -> None:
        torch.ones(1 << 20).add_(1)
        begun = threads()
        cpu.end_threads()
        until(lambda: threads() == begun - 1, what="the other one ended")
        torch.ones(1 << 20).add_(1)
        assert threads() == begun  # an operation begins it again, and leaves it
        time.sleep(0.1)
        assert threads() == begun

    with computing_with(2), ThreadPoolExecutor(1) as loading:
        loading.submit(load).result()


def threads() -> int:
    return len(os.listdir("/proc/self/task"))
