"""The choice of a step's tokens as one run of operations that never waits for the device: masks, penalties, noise.

Knows scores and what restricts them; not where they are, and not which texts they are of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from worker.engine.row import NOT_FINITE
from worker.engine.sampling import choose_candidate


class Sampled(NamedTuple):
    """How each row draws, [rows]: temperature, top_p float32; seed, position int64."""

    temperature: Tensor
    top_p: Tensor
    seed: Tensor
    position: Tensor

    def of(self, rows: Tensor) -> Sampled:
        return Sampled(self.temperature[rows], self.top_p[rows], self.seed[rows], self.position[rows])


@dataclass(frozen=True)
class Penalties:
    """What is taken from single scores: `at` int64, row x vocabulary + token; `amount` float32, of which 0 pads."""

    at: Tensor
    amount: Tensor


def permitted(scores: Tensor, words: Tensor, penalties: Penalties) -> Tensor:
    """-inf where a bit of `words` [rows, vocabulary / 32] int32 is 0; scores [rows, vocabulary]."""
    kept = scores.masked_fill(_forbidden(words, scores.shape[1]), -torch.inf)
    kept.view(-1).scatter_add_(0, penalties.at, -penalties.amount)
    return kept


def _forbidden(words: Tensor, size: int) -> Tensor:
    if words.device.type == "cpu":  # a tenth of the time
        bits = np.unpackbits((~words).numpy().view(np.uint8), axis=1, bitorder="little", count=size)
        return torch.from_numpy(bits).view(torch.bool)
    each = torch.arange(32, dtype=torch.int32, device=words.device)
    return ((words[:, :, None] >> each) & 1).view(len(words), -1)[:, :size] == 0


def chosen_tokens(kept: Tensor, sampled: Sampled, finite: Tensor) -> tuple[Tensor, Tensor]:
    """Each row's token, `NOT_FINITE` where not `finite`, and whether its nucleus was among the best candidates, [rows];
    where it was not, the token is not the row's."""
    tokens, whole = choose_candidate(kept, *sampled)
    return tokens.masked_fill(~finite, NOT_FINITE), whole | ~finite
