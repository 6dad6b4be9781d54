"""The decode loop's device alone: how long one forward pass of so many token-rows takes, and one choice of tokens, when
nothing waits for a host. What a step of the whole engine takes beyond it is the engine's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from worker.engine.decode.device import Device

TOKEN_ROWS = (1, 8, 64, 96, 128)
TEXTS = 64  # at most: more token-rows are forced tokens of the first texts
CONTEXT_TOKENS = 430  # of a storyboard halfway
PAGE_TOKENS = 32
TIMES = {"cuda": 30, "cpu": 1}  # a CPU measures nothing


def device_of(model: Any, *, graphs: bool) -> Device:
    """With the keys and values of `TEXTS` texts, which are all zero: speed does not depend on what they are."""
    on_card = model.device.type == "cuda"
    width = -(-CONTEXT_TOKENS // PAGE_TOKENS)
    device = Device(
        model,
        rows=TEXTS,
        pages=TEXTS * width,
        page_tokens=PAGE_TOKENS,
        table_width=width,
        vocabulary_size=model.config.vocab_size,
        graphs=graphs and on_card,
        kernels="triton" if on_card else "torch",
    )
    for slot in range(TEXTS):
        device.set_table(slot, range(slot * width, (slot + 1) * width))
    device.start()
    return device


def forward_ms(device: Device, token_rows: int) -> float:
    """Milliseconds of a forward pass, of many that are launched one after another. Raises RuntimeError where its scores
    are no numbers."""
    rows = range(token_rows)
    slots = [row % TEXTS for row in rows]
    positions = [CONTEXT_TOKENS - 1 - row // TEXTS for row in rows]
    ids, source, last = [10 + row for row in rows], [0] * token_rows, range(min(token_rows, TEXTS))
    spent = _mean_ms(lambda: device.forward(ids, source, slots, positions, last))
    if not bool(device.scores[: len(last)].isfinite().all()):
        raise RuntimeError("scores that are no numbers")
    return spent


def choice_ms(device: Device, rows: int) -> float:
    """The same of a choice by sampling, where every token is allowed; masks travel to the device each time."""
    numbers = range(rows)

    def choose() -> None:
        device.masks[:] = -1
        device.choose([0.7] * rows, [0.9] * rows, numbers, numbers)

    return _mean_ms(choose)


def _mean_ms(call: Callable[[], Any]) -> float:
    times = TIMES["cuda" if torch.cuda.is_available() else "cpu"]
    for _ in range(3):
        call()
    _wait()
    begun = time.perf_counter()
    for _ in range(times):
        call()
    _wait()
    return (time.perf_counter() - begun) / times * 1e3


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
