"""The engine of a loaded model, as large as the device has room for. Knows settings and memory; not jobs."""

from __future__ import annotations

import torch

from models.load import LoadedModel
from shared.errors import ModelUnavailable
from shared.settings import ModelSettings, Settings
from worker.backend.kv_memory import kv_tokens, rows_beside
from worker.engine.attention import kernel_of
from worker.engine.batch import BatchEngine
from worker.engine.serving import Batching


def make_engine(loaded: LoadedModel, settings: Settings, free: int) -> BatchEngine:
    """Not started yet; `free` bytes are left beside the model. Raises `ModelUnavailable` where it does not fit."""
    rows = rows_beside(loaded.model, settings.worker.max_batch, loaded.context_tokens, free)
    tokens = kv_tokens(loaded.model, rows, loaded.context_tokens, free)
    too_large = (
        f"a batch of {rows} rows and {tokens} tokens of context does not fit {loaded.device}, of which the model "
        f"leaves {free / 1e9:.1f} GB free: lower WORKER__MAX_BATCH, or MODEL__WEIGHT_BITS to 8 or 4"
    )
    try:
        return BatchEngine(
            loaded.model,
            loaded.tokenizer,
            eos_token_ids=loaded.eos_token_ids,
            context_tokens=loaded.context_tokens,
            max_batch=rows,
            kv_tokens=tokens,
            batching=_batching(settings.model),
            graphs=settings.model.cuda_graphs,
            varlen=kernel_of(settings.model.attention),
        )
    except MemoryError:  # reckoned beforehand, and the same at the next start
        raise ModelUnavailable(too_large) from None
    except torch.OutOfMemoryError as error:  # met; what takes the memory now may be gone by then
        raise ModelUnavailable(too_large) from error


def _batching(model: ModelSettings) -> Batching:
    """The loop has an attention of its own: who asks for another by name gets the batching that has it."""
    return "transformers" if model.batching == "auto" and model.attention != "auto" else model.batching
