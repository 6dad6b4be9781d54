"""Texts in transformers' continuous batching: on CPUs, and for models that the engine's own loop does not know.

All that reaches into transformers' continuous batching (pinned exactly) is here, in manager.py, row.py, sizes.py and
step.py: its processor is driven step by step. (Two of its helpers tell a model's shape, in attention.py and
worker/backend/kv_memory.py.)
"""

from __future__ import annotations

from itertools import count
from typing import Any

from worker.engine import attention
from worker.engine.handle import Handle
from worker.engine.manager import make_manager
from worker.engine.row import Row
from worker.engine.sizes import size
from worker.engine.step import Sampler, StepRunner
from worker.engine.vocabulary import Vocabulary


class TransformersBatch:
    """Of at most `rows` texts in `kv_tokens` of context; the other arguments are `BatchSizes`'. Raises MemoryError, or
    torch's own error, where it is too large for the device."""

    batching = "transformers"

    def __init__(  # noqa: PLR0913 - the engine's own options
        self,
        model: Any,
        vocabulary: Vocabulary,
        *,
        rows: int,
        kv_tokens: int,
        graphs: bool,
        compiled: bool,
        varlen: attention.Kernel | None,
    ) -> None:
        self.choice = Sampler(rows, vocabulary, model.device)
        self._model = model
        self._rows: dict[Handle, Row] = {}
        self._request_ids = map(str, count())
        self._manager = attention.settle(
            model,
            varlen,
            lambda to_flash: make_manager(
                model,
                self.choice,
                max_requests_per_batch=rows,
                use_cuda_graph=graphs,
                default_compile_level=int(compiled),
                auto_switch_to_flash=to_flash,
            ),
        )
        self.attention = str(model.config._attn_implementation)
        sizes = size(self._manager, rows, kv_tokens)
        self.page_tokens, self.force_limit = sizes.page_tokens, sizes.force_limit
        self._processor = self._manager._create_batch_processor()  # here, where somebody hears that it does not fit

    def start(self) -> None:
        self._processor.model_runner = StepRunner(self._processor.model_runner, self.choice)
        self._processor.warmup(self._model)

    def join(self, handle: Handle, tokens: int) -> None:
        text, request = handle.text, handle.request
        assert text is not None
        row = Row(request_id=next(self._request_ids), initial_tokens=[*request.prompt_ids, *text.tokens])
        row.text = text
        self._rows[handle] = row
        self._processor.scheduler.add_waiting_request(row)

    def leave(self, handle: Handle) -> None:
        if row := self._rows.pop(handle, None):
            self._processor.scheduler.set_request_cancellation(row.request_id)

    def step(self) -> bool:
        processor = self._processor
        if not processor.prepare_next_batch():
            return False
        processor._generation_step(self._model)
        processor.update_batch()
        self._rows = {handle: row for handle, row in self._rows.items() if not row.text.complete}
        return True

    def forget(self) -> None:
        self._processor.scheduler.clear_cancelled_requests()
        self._processor.cache.evict_cached_blocks()
