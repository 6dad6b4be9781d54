"""What the engine drives: a batch of running texts on the device. Who implements it knows how they are read and chosen.

Handles come in and go, texts grow (`Text.accept`); everything else, of whom to admit and when a text ends, is the
engine's. Only the engine's thread calls it.
"""

from __future__ import annotations

from typing import Protocol

import torch

from worker.engine.handle import Handle


class NoRoom(RuntimeError):
    """A step needs more of the KV cache than is free: to be met as a device without memory is."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Of a step: ours, torch's own error, or a library's below it that had no memory to begin with."""
    words = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, NoRoom | torch.OutOfMemoryError) or any(word in str(error) for word in words)


class RunningBatch(Protocol):
    batching: str  # whose: "loop", "transformers"
    attention: str  # "triton", "sdpa"
    page_tokens: int  # of the KV cache: a text takes whole pages
    force_limit: int  # tokens forced in one step and row, at most

    def start(self) -> None:
        """Once, before the first text: warm-up, graphs."""

    def join(self, handle: Handle, tokens: int) -> None:
        """From the next step on the handle's text grows; its prompt and its tokens so far are to be read first. Room
        for so many `tokens` in all is reserved."""

    def leave(self, handle: Handle) -> None:
        """The text grows no more; a result that is still on its way for it is dropped."""

    def step(self) -> bool:
        """One step of all rows; False: there is nothing to do. Texts have grown when it returns, though not each of
        them: a prompt may take several steps. One whose scores were no numbers is marked (`Text.finite`), and has not
        grown. A text that is complete has left by itself. Raises `NoRoom` or torch.OutOfMemoryError where it
        did not fit: then all texts must leave, and may join again."""

    def forget(self) -> None:
        """No later text begins with keys and values that are there now; called when no text is in the batch."""
