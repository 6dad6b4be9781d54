"""Which batching serves a model: the engine's own loop on one CUDA device where it knows the model, else transformers'.

Knows what each of them needs to be made; not what they do.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from shared.errors import ModelUnavailable
from worker.engine import attention
from worker.engine.batching import RunningBatch
from worker.engine.decode.device import Device
from worker.engine.decode.loop import DecodeLoop
from worker.engine.decode.proof import prove
from worker.engine.decode.weights import UnsupportedModel
from worker.engine.transformers_batch import TransformersBatch
from worker.engine.vocabulary import Vocabulary

log = logging.getLogger(__name__)

Batching = Literal["auto", "loop", "transformers"]

TOKENS_A_ROW = 4096  # of context: more than a storyboard of a long prompt takes
LOOP_PAGE_TOKENS = 32  # small: a prompt's beginning is shared by whole pages


@dataclass(frozen=True)
class BatchSizes:
    """What a batch may take, and its switches.

    `graphs`: steps as CUDA graphs, warmed up before the first text; None: the loop does where it can, transformers'
    batching does not. Of the loop: `overlap=False` lets the device wait for the host; None: on a CPU only, where
    nothing runs beside the host and what is dropped was in vain. Of transformers' batching: `compiled` runs steps
    through torch.compile; `varlen`: the kernel that `attention.settle` may choose.
    """

    rows: int
    kv_tokens: int
    context_tokens: int
    overlap: bool | None
    graphs: bool | None
    compiled: bool
    varlen: attention.Kernel | None


class Serving:
    """`batch` serves. Raises `ModelUnavailable` where the loop is wanted by name and does not know the model;
    MemoryError, or torch's own error, where a batch is too large for the device."""

    def __init__(self, model: Any, vocabulary: Vocabulary, batching: Batching, sizes: BatchSizes) -> None:
        self._transformers = partial(_transformers, model, vocabulary, sizes)
        self._kv_tokens = sizes.kv_tokens
        self._by_name = batching != "auto"
        self.batch: RunningBatch
        if batching == "transformers" or (batching == "auto" and not _is_for_the_loop(model)):
            self.batch = self._transformers()
            return
        try:
            self.batch = _loop(model, vocabulary, sizes)
        except UnsupportedModel as reason:
            if self._by_name:
                raise ModelUnavailable(f"MODEL__BATCHING=loop does not know this model: {reason}") from reason
            log.warning("transformers' batching serves, for the engine's own does not know this model: %s", reason)
            self.batch = self._transformers()

    @property
    def pages(self) -> int:
        return -(-self._kv_tokens // self.batch.page_tokens)

    def start(self) -> None:
        """On the engine's thread; whatever the loop fails of, transformers' batching may do."""
        try:
            self.batch.start()
            fault = None
        except Exception as error:  # a kernel that does not compile, scores that are not the model's, no memory
            if self._by_name or not isinstance(self.batch, DecodeLoop):
                raise
            fault = str(error)
        if fault is not None:  # outside the handler: its traceback holds the loop's memory
            log.warning("transformers' batching serves, for the engine's own does not work here: %s", fault)
            assert isinstance(self.batch, DecodeLoop)
            self.batch.close()
            self.batch = self._transformers()
            self.batch.start()
        log.info("batching by %s, attention by %s", self.batch.batching, self.batch.attention)


def wanted_tokens(max_batch: int, context_tokens: int) -> int:
    """Context for every row, and for one text that fills its own."""
    return max(max_batch * min(context_tokens, TOKENS_A_ROW), context_tokens)


def _is_for_the_loop(model: Any) -> bool:
    if model.device.type == "cuda":
        return model.dtype in (torch.float16, torch.bfloat16)
    return type(model.lm_head).__name__ == "Linear8" if hasattr(model, "lm_head") else False


def _loop(model: Any, vocabulary: Vocabulary, sizes: BatchSizes) -> DecodeLoop:
    cuda = model.device.type == "cuda"
    pages = -(-sizes.kv_tokens // LOOP_PAGE_TOKENS)
    device = Device(
        model,
        rows=sizes.rows,
        pages=pages,
        page_tokens=LOOP_PAGE_TOKENS,
        table_width=-(-sizes.context_tokens // LOOP_PAGE_TOKENS),
        vocabulary_size=vocabulary.size,
        graphs=cuda and sizes.graphs is not False,
        kernels="triton" if cuda else "torch",
    )

    def start() -> None:
        attention.leave(model)  # the proof is by the model's own forward
        prove(model, device)
        device.start()
        prove(model, device)  # now by its graphs

    return DecodeLoop(
        device,
        rows=sizes.rows,
        pages=pages,
        page_tokens=LOOP_PAGE_TOKENS,
        context_tokens=sizes.context_tokens,
        overlap=cuda if sizes.overlap is None else sizes.overlap,
        in_a_row=device.on_host,
        attention="triton" if cuda else "torch",
        start=start,
    )


def _transformers(model: Any, vocabulary: Vocabulary, sizes: BatchSizes) -> TransformersBatch:
    return TransformersBatch(
        model,
        vocabulary,
        rows=sizes.rows,
        kv_tokens=sizes.kv_tokens,
        graphs=bool(sizes.graphs),
        compiled=sizes.compiled,
        varlen=sizes.varlen,
    )
