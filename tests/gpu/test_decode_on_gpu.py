"""The decode loop's device part on a real GPU: kernels, graphs and copies that nobody waits for.

Skipped where there is none. Tiny random models: whether the device's paths agree is asked, not how fast they are.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.integration.engine.native import VOCABULARY, WAYS, native
from worker.engine.decode import twins
from worker.engine.decode.device import Device
from worker.engine.decode.proof import MAX_ERRORS, prove

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

CUDA = "cuda"
SHAPES = [(32, 2, 128), (32, 32, 128), (28, 4, 128), (14, 2, 64), (32, 32, 80), (32, 8, 96)]
ERRORS = {torch.float16: 3e-3, torch.bfloat16: 2e-2}
STEPS = 40


def device_of(model: Any, *, graphs: bool, rows: int = 5) -> Device:
    return Device(
        model,
        rows=rows,
        pages=100,
        page_tokens=16,
        table_width=8,
        vocabulary_size=len(model.lm_head.weight),
        graphs=graphs,
        kernels="triton",
    )


@pytest.mark.parametrize("window", [0, 1, 50])
@pytest.mark.parametrize("page", [16, 32, 256])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ERRORS)
def test_attention_over_pages_is_its_twins(
    shape: tuple[int, int, int], page: int, window: int, dtype: torch.dtype
) -> None:
    from worker.engine.decode import kernels

    heads, groups, width = shape
    used = [1, 15, 16, 17, 63, 64, 65, 257, 700]
    rows, pages = len(used), -(-max(used) // page)
    torch.manual_seed(1)
    query = torch.randn(rows, heads, width).to(CUDA, dtype)
    keys, values = torch.randn(2, rows * pages, groups, page, width).to(CUDA, dtype)
    table = torch.randperm(rows * pages).to(CUDA, torch.int32).view(rows, pages)
    slots, positions = torch.randperm(rows).to(CUDA, torch.int32), torch.tensor(used, dtype=torch.int32).to(CUDA) - 1
    texts = (query, keys, values, table, slots, positions, width**-0.5, window)
    expected = twins.attend(*texts).float()

    for splits in (1, 2, 16, 32):
        actual = kernels.attend_in(splits, *texts).float()

        assert float((actual - expected).norm() / expected.norm()) < ERRORS[dtype]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", MAX_ERRORS)
@pytest.mark.parametrize("graphs", [False, True])
def test_the_loop_proves_itself_on_the_card(way: str, dtype: torch.dtype, graphs: bool) -> None:
    model = native(way, initializer_range=0.1).to(CUDA, dtype)
    device = device_of(model, graphs=graphs)
    device.start()

    prove(model, device)


def written(device: Device) -> list[list[int]]:
    """Five texts of different lengths, each step launched before the last one's tokens are read."""
    for slot in range(5):
        device.set_table(slot, range(8 * slot, 8 * slot + 8))
        device.prefill(slot, range(3, 4 + 7 * slot), 0)
    begins = [1 + 7 * slot for slot in range(5)]
    device.forward([9] * 5, range(5), range(5), begins, range(5))
    steps = []
    for step in range(STEPS):
        device.masks[:5] = -1
        device.masks[step % 5, 0] = 0x55555555  # another mask each step, in the same buffer
        chosen = device.choose([0.0, 0.7, 1.0, 1.3, 0.9], [0.9] * 5, range(5), [step] * 5, [(1, step, 2.0)])
        device.forward([-1] * 5, range(5), range(5), [begin + step + 1 for begin in begins], range(5))
        steps.append(chosen)
        if step:
            steps[step - 1] = steps[step - 1].wait()[0].tolist()
    return [*steps[:-1], steps[-1].wait()[0].tolist()]


@pytest.mark.parametrize("way", ["glm", "mistral with a window"])
def test_graphs_write_what_single_launches_write_and_so_does_a_cpu(way: str) -> None:
    model = native(way, vocab_size=700)
    on_cpu = Device(model, rows=5, pages=100, page_tokens=16, table_width=8, vocabulary_size=700)
    expected = written(on_cpu)
    model = model.to(CUDA)

    for graphs in (False, True):
        device = device_of(model, graphs=graphs)
        device.start()
        assert written(device) == expected


def test_no_launch_waits_for_the_device() -> None:
    model = native("glm").to(CUDA, torch.float16)
    device = device_of(model, graphs=True)
    device.start()
    written(device)
    device.set_table(0, range(8))
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")  # of every call that waits
    try:
        device.prefill(0, range(20), 0)
        device.prefill(0, range(20), 20)
        device.forward([5, 6], [0, 0], [0, 0], [40, 41], [1])
        chosen = device.choose([0.7], [0.9], [1], [0], [(0, 1, 2.0)] * 500, wide=[0])
        device.forward([-1], [0], [0], [42], [0])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert 0 <= chosen.wait()[0][0] < VOCABULARY
