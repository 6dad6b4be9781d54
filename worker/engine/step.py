"""One step on the device: the forward pass of all rows, then the choice of each row's next token.

transformers runs the forward pass, and captures it as a CUDA graph or compiles it where asked to. The choice comes
after it and outside of any graph: what the host does for it (masks, above all) costs no time while a GPU computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from transformers.generation.continuous_batching.cb_logits_processors import ContinuousBatchingLogitsProcessor
from transformers.generation.continuous_batching.model_runner import ModelRunner
from transformers.generation.continuous_batching.utils import stream_context

from worker.engine.row import NOT_FINITE, Row
from worker.engine.sampling import choose
from worker.engine.text import Text, fill_masks
from worker.engine.vocabulary import Vocabulary

Observer = Callable[[Sequence[Text], torch.Tensor, torch.Tensor], None]


class StepRunner(ModelRunner):  # type: ignore[misc]
    """In the place of `runner`, which is of the same batch; `choice` is the batch's only logits processor."""

    def __init__(self, runner: ModelRunner, choice: Sampler) -> None:
        super().__init__(
            runner.logit_processor,
            runner.cb_config,
            runner.inputs_and_outputs,
            runner.cache,
            do_sample=False,
            return_logprobs=False,
        )
        self._choice = choice

    def compute_batch(self, model: Any, batch_data: dict[str, Any]) -> None:
        ios = self.inputs_and_outputs
        if ios.compute_stream is not None:  # the inputs were copied on this thread's own stream, without an order
            ios.compute_stream.wait_stream(torch.cuda.current_stream(self._choice.scores.device))
        super().compute_batch(model, batch_data)
        with stream_context(ios.compute_stream):
            tokens = self._choice.tokens()
            ios.output_ids[0, : len(tokens)].copy_(tokens)

    def _forward_process_and_sample(self, model: Any, batch_data: dict[str, Any], *_: Any) -> None:
        """What is captured or compiled: all but the choice."""
        logits = model(**batch_data).logits[0]
        if "logits_to_keep" not in batch_data:
            logits = logits[batch_data["logits_indices"]]
        self._choice.scores[: len(logits)].copy_(logits)


class Sampler(ContinuousBatchingLogitsProcessor):  # type: ignore[misc]
    """Forbids what a text's grammar forbids and draws its next token. `scores` [rows, vocabulary], float32, is where
    the forward pass leaves them: one place in memory, for a graph writes to the same each time."""

    supported_kwargs: ClassVar[dict[str, type]] = {}
    ignored_kwargs: tuple[str, ...] = ()

    def __init__(self, rows: int, vocabulary: Vocabulary, device: torch.device) -> None:
        self.observer: Observer | None = None  # is shown each step's texts, and their scores before and after the mask
        self.scores = torch.empty((rows, vocabulary.size), dtype=torch.float32, device=device)
        self._size = vocabulary.size
        self._device = device
        self._masks = torch.full((rows, vocabulary.words), -1, dtype=torch.int32, pin_memory=device.type == "cuda")
        self._bits = torch.arange(32, dtype=torch.int32, device=device)
        self._rows: list[Row] = []  # of the step, in the order of its scores

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        int32_tensor.fill_(0)

    def prepare_tensor_args(self, requests_with_new_token: list[Any]) -> torch.Tensor:
        """transformers' own requests, with which it warms up, have no text."""
        states = [request.state for request in requests_with_new_token]
        self._rows = [state for state in states if isinstance(state, Row)]
        return torch.zeros(len(states), dtype=torch.int32)

    def __call__(self, scores: torch.Tensor, tensor_arg: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("the step runner chooses after the forward pass, not within it")

    def tokens(self) -> torch.Tensor:
        """The next token of each row, [rows] int64; `NOT_FINITE` where its scores are no numbers."""
        scores = self.scores[: len(self._rows)]
        finite = self.finite(scores)
        allowed = self.mask(scores)
        if self.observer:
            self.observer([row.text for row in self._rows], scores, allowed)
        scores = self._without_repeating(allowed)
        samplings = [row.text.sampling for row in self._rows]
        if not any(sampling.temperature > 0 for sampling in samplings):
            tokens = scores.argmax(dim=1)
        else:
            tokens = choose(
                scores,
                self._sent([s.temperature for s in samplings], torch.float32),
                self._sent([s.top_p for s in samplings], torch.float32),
                self._sent([s.seed for s in samplings], torch.int64),
                self._sent([row.text.position for row in self._rows], torch.int64),
            )
        return tokens.masked_fill(~finite, NOT_FINITE)

    def finite(self, scores: torch.Tensor) -> torch.Tensor:
        """Whether each row's best score is a number, [rows]: NaN wins any maximum. A -inf among others is a score."""
        return scores.amax(dim=1).isfinite()

    def mask(self, scores: torch.Tensor) -> torch.Tensor:
        """-inf for each row's tokens that its grammar forbids."""
        count = len(scores)
        masks = self._masks.numpy()
        fill_masks([row.text for row in self._rows], masks)
        if self._device.type == "cpu":
            bits = np.unpackbits(masks[:count].view(np.uint8), axis=1, bitorder="little", count=self._size)
            return scores.masked_fill(torch.from_numpy(bits) == 0, -torch.inf)
        words = self._masks[:count].to(self._device, non_blocking=True)
        allowed = (words[:, :, None] >> self._bits) & 1  # [rows, words, 32]
        return scores.masked_fill(allowed.view(count, -1)[:, : self._size] == 0, -torch.inf)

    def _without_repeating(self, scores: torch.Tensor) -> torch.Tensor:
        pairs = (row.text.penalties().items() for row in self._rows)
        penalised = [(index, *pair) for index, row in enumerate(pairs) for pair in row]
        if penalised:
            index, tokens, penalties = zip(*penalised, strict=True)
            scores[self._sent(index, torch.int64), self._sent(tokens, torch.int64)] -= self._sent(
                penalties, torch.float32
            )
        return scores

    def _sent(self, values: Any, dtype: torch.dtype) -> torch.Tensor:
        """To the device, without waiting for it: memory that is not pinned would."""
        tensor = torch.tensor(values, dtype=dtype)
        return tensor.pin_memory().to(self._device, non_blocking=True) if self._device.type == "cuda" else tensor


Choice = Sampler  # its old name, for measuring scripts outside of this repository
