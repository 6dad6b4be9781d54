"""A text as transformers' continuous batching sees it: a `Row` appends forced tokens to what the next step prefills,
and one logits processor masks and samples for all rows of a step. Knows nothing of when a step is taken.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from transformers.generation.continuous_batching.cb_logits_processors import ContinuousBatchingLogitsProcessor
from transformers.generation.continuous_batching.requests import RequestState, RequestStatus

from worker.engine.request import Sampling
from worker.engine.sampling import choose
from worker.engine.text import Text
from worker.engine.vocabulary import Vocabulary


class Row(RequestState):  # type: ignore[misc]
    """transformers' view of a running request."""

    text: Text
    sampling: Sampling

    def update_and_check_completion(self, token_id: int, logprob: float | None) -> bool:
        appended = self.text.accept(token_id)
        self.generated_tokens.extend(appended)
        self.tokens_to_process = appended  # the next step prefills the forced ones with the sampled one
        if self.text.complete:
            self.status = RequestStatus.FINISHED
        return self.text.complete


class MaskAndSample(ContinuousBatchingLogitsProcessor):  # type: ignore[misc]
    """Forbids what the grammar forbids and chooses, so that transformers' argmax takes the chosen token."""

    supported_kwargs: ClassVar[dict[str, type]] = {}
    ignored_kwargs: tuple[str, ...] = ()

    def __init__(self, rows: int, vocabulary: Vocabulary, device: torch.device) -> None:
        self._size = vocabulary.size
        pinned = device.type == "cuda"
        self._mask_host = torch.full((rows, vocabulary.words), -1, dtype=torch.int32, pin_memory=pinned)
        self._mask = torch.full((rows, vocabulary.words), -1, dtype=torch.int32, device=device)
        self._bits = torch.arange(32, dtype=torch.int32, device=device)
        self._float = torch.zeros((2, rows), dtype=torch.float32, device=device)  # temperature, top_p
        self._int = torch.zeros((2, rows), dtype=torch.int64, device=device)  # seed, position
        self._rows: list[Row] = []  # of the step, in the order of its scores

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        int32_tensor.fill_(0)

    def prepare_tensor_args(self, requests_with_new_token: list[Any]) -> torch.Tensor:
        self._rows = [request.state for request in requests_with_new_token]
        return torch.zeros(len(self._rows), dtype=torch.int32)

    def __call__(self, scores: torch.Tensor, tensor_arg: torch.Tensor) -> torch.Tensor:
        """On a GPU the forward pass has been launched by now, not computed: what the host does here costs no time. (A
        captured CUDA graph would not do it again: with graphs it belongs into `prepare_tensor_args`.)"""
        scores = self._without_repeating(self.mask(scores))
        count = len(self._rows)
        samplings = [row.sampling for row in self._rows]
        floats = torch.tensor([[s.temperature for s in samplings], [s.top_p for s in samplings]])
        ints = torch.tensor([[s.seed for s in samplings], [len(row.text.tokens) for row in self._rows]])
        self._float[:, :count].copy_(floats)
        self._int[:, :count].copy_(ints)
        return choose(
            scores, self._float[0, :count], self._float[1, :count], self._int[0, :count], self._int[1, :count]
        )

    def mask(self, scores: torch.Tensor) -> torch.Tensor:
        """-inf for each row's tokens that its grammar forbids."""
        count = scores.shape[0]
        masks = self._mask_host.numpy()
        for index, row in enumerate(self._rows):
            row.text.fill(masks[index])
        if scores.device.type == "cpu":
            bits = np.unpackbits(masks[:count].view(np.uint8), axis=1, bitorder="little", count=self._size)
            return scores.masked_fill(torch.from_numpy(bits) == 0, -torch.inf)
        self._mask[:count].copy_(self._mask_host[:count], non_blocking=True)
        allowed = (self._mask[:count, :, None] >> self._bits) & 1  # [rows, words, 32]
        return scores.masked_fill(allowed.view(count, -1)[:, : self._size] == 0, -torch.inf)

    def _without_repeating(self, scores: torch.Tensor) -> torch.Tensor:
        pairs = (row.text.repetition.penalties().items() for row in self._rows)
        said = [(index, *pair) for index, row in enumerate(pairs) for pair in row]
        if said:
            index, tokens, penalties = (
                torch.tensor(column, device=scores.device) for column in zip(*said, strict=True)
            )
            scores[index, tokens] -= penalties
        return scores
