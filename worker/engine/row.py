"""A text as transformers' continuous batching sees it: a `Row` appends forced tokens to what the next step prefills,
and one logits processor masks and samples for all rows of a step. Knows nothing of when a step is taken.
"""

from __future__ import annotations

from typing import Any, ClassVar

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
        self._said: list[torch.Tensor] = []  # what would repeat itself: rows, tokens, penalties

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        int32_tensor.fill_(0)

    def prepare_tensor_args(self, requests_with_new_token: list[Any]) -> torch.Tensor:
        rows: list[Row] = [request.state for request in requests_with_new_token]
        count = len(rows)
        masks = self._mask_host.numpy()
        for index, row in enumerate(rows):
            row.text.fill(masks[index])
        self._mask[:count].copy_(self._mask_host[:count], non_blocking=True)
        samplings = [row.sampling for row in rows]
        floats = torch.tensor([[s.temperature for s in samplings], [s.top_p for s in samplings]])
        ints = torch.tensor([[s.seed for s in samplings], [len(row.text.tokens) for row in rows]])
        said = [(index, *pair) for index, row in enumerate(rows) for pair in row.text.repetition.penalties().items()]
        self._said = [torch.tensor(column, device=self._mask.device) for column in zip(*said, strict=True)]
        self._float[:, :count].copy_(floats)
        self._int[:, :count].copy_(ints)
        return torch.zeros(count, dtype=torch.int32)

    def __call__(self, scores: torch.Tensor, tensor_arg: torch.Tensor) -> torch.Tensor:
        count = scores.shape[0]
        allowed = (self._mask[:count, :, None] >> self._bits) & 1  # [rows, words, 32]
        scores = scores.masked_fill(allowed.view(count, -1)[:, : self._size] == 0, -torch.inf)
        if self._said:
            index, tokens, penalties = self._said
            scores[index, tokens] -= penalties
        return choose(
            scores, self._float[0, :count], self._float[1, :count], self._int[0, :count], self._int[1, :count]
        )
