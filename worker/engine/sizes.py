"""How large transformers' batch is: its pages, the tokens of a step, the forced tokens of a row in one step.

Knows numbers, and which attention runs; not texts, and not how much memory there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers.generation.continuous_batching.utils import attn_mask_is_needed

FORCE_LIMIT = 64  # tokens forced in one step and row
PROMPT_TOKENS = 512  # of prompts that are read beside the rows in one step
PAGE_TOKENS = 32  # a page is shared once it is full, and the template's prefix takes about 100 tokens
FLASH_PAGE_TOKENS = 256  # flash attention's decode path takes no smaller ones
MASK_BYTES = 1 << 30  # at most, of a mask over all tokens of a step and all of the cache


@dataclass(frozen=True)
class Sizes:
    """`pages` of `page_tokens` each; a step takes `step_tokens` at most, `force_limit` of them forced ones of a row."""

    page_tokens: int
    pages: int
    step_tokens: int
    force_limit: int


def sizes_of(rows: int, kv_tokens: int, *, block_tables: bool, mask_bytes_a_score: int) -> Sizes:
    """`block_tables`: rows that go on are read page by page, by flash attention. `mask_bytes_a_score`: 0 where no mask
    is needed; else forced runs are cut into shorter pieces rather than that it takes gigabytes."""
    page = FLASH_PAGE_TOKENS if block_tables else PAGE_TOKENS
    pages = -(-kv_tokens // page)
    forced = FORCE_LIMIT
    if mask_bytes_a_score:
        within = MASK_BYTES // (mask_bytes_a_score * pages * page)
        forced = max(1, min(FORCE_LIMIT, (within - PROMPT_TOKENS) // rows))
    # Every row may bring a run at once, and its sampled token: transformers would mix up a row that it had to split.
    return Sizes(page, pages, rows * forced + PROMPT_TOKENS, forced)


def size(manager: Any, rows: int, kv_tokens: int) -> Sizes:
    """Of a `ContinuousBatchingManager` that has no cache yet: only once it is made is it known which attention runs."""
    config, model = manager.continuous_batching_config, manager.model
    sizes = sizes_of(
        rows,
        kv_tokens,
        block_tables=config.max_blocks_per_request > 0,
        mask_bytes_a_score=model.dtype.itemsize if attn_mask_is_needed(model.config) else 0,
    )
    config.page_size, config.num_blocks = sizes.page_tokens, sizes.pages + 1
    config.max_batch_tokens = sizes.step_tokens
    config.max_memory_percent = 1.0  # what is taken of the device was decided before; this is whether it can be at all
    return sizes
