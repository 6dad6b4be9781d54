"""How many jobs run at once: `WORKER__MAX_BATCH`, or what `auto` makes of the memory beside the model.

Knows numbers; not models, devices or torch.
"""

from __future__ import annotations

from typing import Literal

# On a CPU eight rows make a step twice as long as one (docs/performance.md), and every job waits for it; more were not
# measured. A small card's memory goes to the context of these rows first.
FEW_ROWS = 8
ROWS_FROM_FREE_BYTES = ((60 * 10**9, 128), (24 * 10**9, 64))  # a card of 80 GB, of 40 GB with ChatGLM3-6B; not measured


def rows_of(max_batch: int | Literal["auto"], *, free_of_gpu: int = 0, room_for_rows: int = FEW_ROWS) -> int:
    """A number as it is. `auto`: by the bytes of a GPU that the model leaves free, 0 for a CPU; more than eight only if
    the whole context of so many has room there."""
    if max_batch != "auto":
        return max_batch
    wanted = next((rows for least, rows in ROWS_FROM_FREE_BYTES if free_of_gpu >= least), FEW_ROWS)
    return max(FEW_ROWS, min(wanted, room_for_rows))
