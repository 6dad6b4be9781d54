"""What a choice needs from the host, packed so that it takes two copies to the device: the masks, and all the rest.

Knows the layout of the packed numbers; not how tokens are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from worker.engine.decode.choice import Penalties, Sampled
from worker.engine.decode.staging import Staged, numbers

PENALTIES_A_ROW = 16  # room for so many in each choice; with more of them, it is launched piece by piece

Penalty = tuple[int, int, float]  # row, token, what is taken from its score


class ChoiceInputs:
    """`sampled` and `words` are where a choice of so many rows finds its own on the device: always the same memory."""

    def __init__(self, rows: int, vocabulary_size: int, device: torch.device) -> None:
        self._rows, self._size, self._device = rows, vocabulary_size, device
        self._room = PENALTIES_A_ROW * rows
        words = (rows, -(-vocabulary_size // 32))
        self._masks = Staged(words, torch.int32, device)
        self._masks.array[:] = -1
        self.words = torch.zeros(words, dtype=torch.int32, device=device)
        packed = (3 * rows + self._room + self._room // 2,)
        self._staged = Staged(packed, torch.int64, device)
        self._packed = torch.zeros(packed, dtype=torch.int64, device=device)

    @property
    def masks(self) -> npt.NDArray[np.int32]:
        """[rows, words] of 32 tokens each; what the next `send` sends."""
        return self._masks.array

    def send(
        self,
        temperature: Sequence[float],
        top_p: Sequence[float],
        seed: Sequence[int],
        position: Sequence[int],
        penalties: Sequence[Penalty],
    ) -> Penalties | None:
        """Launch the copies; the penalties, if they are more than there is room for and have memory of their own."""
        rows, count = self._rows, len(seed)
        packed = self._staged.array
        packed[:count], packed[rows : rows + count] = seed, position
        shares = packed[2 * rows : 3 * rows].view(np.float32)
        shares[:count], shares[rows : rows + count] = temperature, top_p
        at = [row * self._size + token for row, token, _ in penalties]
        amount = [amount for *_, amount in penalties]
        fits = len(penalties) <= self._room
        if fits:
            places = packed[3 * rows : 3 * rows + self._room]
            places[: len(at)], places[len(at) :] = at, 0  # what was there may be of a row that this choice lacks
            amounts = packed[3 * rows + self._room :].view(np.float32)
            amounts[: len(at)], amounts[len(at) :] = amount, 0
        self._masks.send(self.words, count)
        self._staged.send(self._packed, len(packed))
        return (
            None
            if fits
            else Penalties(numbers(at, torch.int64, self._device), numbers(amount, torch.float32, self._device))
        )

    def sampled(self, size: int) -> Sampled:
        rows, packed = self._rows, self._packed
        shares = packed[2 * rows : 3 * rows].view(torch.float32)
        return Sampled(shares[:size], shares[rows : rows + size], packed[:size], packed[rows : rows + size])

    @property
    def penalties(self) -> Penalties:
        begin = 3 * self._rows
        return Penalties(
            self._packed[begin : begin + self._room], self._packed[begin + self._room :].view(torch.float32)
        )
