"""transformers' batch manager as the engine wants it: driven step by step, with the engine's choice of tokens.

Knows how a batch is configured; not which texts are in it.
"""

from __future__ import annotations

from typing import Any

from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.generation.continuous_batching.continuous_api import ContinuousBatchingManager

from worker.engine.step import Sampler


def make_manager(model: Any, choice: Sampler, **sizes: Any) -> ContinuousBatchingManager:
    """`sizes` are fields of transformers' `ContinuousBatchingConfig`."""
    config = ContinuousBatchingConfig(
        use_async_batching=False,  # the next step is prepared only when the last token is known
        safety_margin=0.0,  # admission reserves a text's pages beforehand
        per_request_processors=True,
        **sizes,
    )
    generation = GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0)
    manager = ContinuousBatchingManager(model, generation, config)
    processors = manager.logit_processor
    processors.clear()  # the checkpoint's own temperature or penalties are not the request's
    processors.logits_processor.append(choice)
    processors.tensors_required = 1
    processors.do_processing = True
    return manager
