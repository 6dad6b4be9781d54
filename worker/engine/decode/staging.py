"""Memory between host and device, and calls as CUDA graphs: what a launch needs so that the host never waits in it.

Pinned memory, of which a copy runs beside the host. On a CPU all of it is ordinary memory and ordinary calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

WARM_UPS = 2  # before a capture: kernels are compiled and libraries take their memory, which a capture must not see


class Staged:
    """A buffer that the host fills and the device reads: two of them, in turns, so that filling one does not disturb
    the copy that still reads the other."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
        cuda = device.type == "cuda"
        self._buffers = [torch.zeros(shape, dtype=dtype, pin_memory=cuda) for _ in range(2)]
        self._arrays: list[npt.NDArray[Any]] = [buffer.numpy() for buffer in self._buffers]
        self._read = [torch.cuda.Event() if cuda else None for _ in range(2)]
        self._turn = 0

    @property
    def array(self) -> npt.NDArray[Any]:
        """What the next `send` sends; waits for the last copy but one, which read the same memory."""
        if event := self._read[self._turn]:
            event.synchronize()
        return self._arrays[self._turn]

    @property
    def tensor(self) -> Tensor:
        return self._buffers[self._turn]

    def send(self, target: Tensor, count: int) -> None:
        """Launch the copy of its first `count` rows, on the current stream."""
        target[:count].copy_(self.tensor[:count], non_blocking=True)
        self.sent()

    def sent(self) -> None:
        """Copies from it have been launched: it is the other buffer's turn."""
        if event := self._read[self._turn]:
            event.record()
        self._turn = 1 - self._turn


class Returned:
    """Two buffers that the device fills and the host reads, in turns."""

    def __init__(self, source: Tensor) -> None:
        cuda = source.device.type == "cuda"
        self._source = source
        self._buffers = [torch.zeros(source.shape, dtype=source.dtype, pin_memory=cuda) for _ in range(2)]
        self._filled = [torch.cuda.Event() if cuda else None for _ in range(2)]
        self._turn = 0

    def fetch(self) -> Callable[[], npt.NDArray[Any]]:
        """Launch a copy of the source; the call that is returned waits for it, and must be made before the second
        `fetch` after this one."""
        buffer, event = self._buffers[self._turn], self._filled[self._turn]
        buffer.copy_(self._source, non_blocking=True)
        if event:
            event.record()
        self._turn = 1 - self._turn

        def wait() -> npt.NDArray[Any]:
            if event:
                event.synchronize()
            return np.array(buffer.numpy())

        return wait


class Launcher:
    """`call` by padded size, replayed as a CUDA graph where it was captured. What it reads and writes stays in one
    place in memory."""

    def __init__(self, call: Callable[[int], None]) -> None:
        self._call = call
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def __call__(self, size: int) -> None:
        graph = self._graphs.get(size)
        if graph:
            graph.replay()
        else:
            self._call(size)

    def capture(self, sizes: Iterable[int], stream: torch.cuda.Stream, pool: Any) -> None:
        """On `stream`, which is the current one, with memory that the graphs share: they are replayed one by one."""
        for size in sorted(sizes, reverse=True):  # the largest first: what the others need fits into its memory
            for _ in range(WARM_UPS):
                self._call(size)
            stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            # Other threads may ask the device for its free memory meanwhile, which the default mode would not survive.
            with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                self._call(size)
            self._graphs[size] = graph


def padded_sizes(most: int) -> list[int]:
    """From 1 to at least `most`: close enough to pad little, few enough to capture each."""
    sizes = [1]
    while sizes[-1] < most:
        last = sizes[-1]
        sizes.append(2 * last if last < 16 else last + 16 if last < 128 else last + last // 128 * 32)
    return sizes


def numbers(values: Any, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Of what is sent now and then: a copy of its own, which torch's pinned allocator keeps until it has been read."""
    return torch.tensor(values, dtype=dtype, pin_memory=device.type == "cuda").to(device, non_blocking=True)
