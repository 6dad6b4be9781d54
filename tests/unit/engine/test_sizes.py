"""How large a batch is that transformers drives: pages that can be shared, and masks that leave room for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from worker.engine.sizes import MASK_BYTES, Sizes, sizes_of

ROW = 4096  # tokens of context


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        (8, {}, Sizes(32, 1024, 8 * 64 + 512, 64)),
        (8, {"block_tables": True}, Sizes(256, 128, 8 * 64 + 512, 64)),
        (128, {}, Sizes(32, 16384, 128 * 64 + 512, 64)),
        (8, {"mask_bytes_a_score": 4}, Sizes(32, 1024, 8 * 64 + 512, 64)),  # sdpa on a CPU: 138 MB
        (64, {"mask_bytes_a_score": 2}, Sizes(32, 8192, 64 * 24 + 512, 24)),  # sdpa on a GPU: 2.5 GB at 64 a row
        (128, {"mask_bytes_a_score": 2}, Sizes(32, 16384, 128 * 4 + 512, 4)),
        (512, {"mask_bytes_a_score": 2}, Sizes(32, 65536, 512 * 1 + 512, 1)),
    ],
)
def test_a_batch_is_as_large_as_its_rows_and_its_attention_want(
    rows: int, options: dict[str, Any], expected: Sizes
) -> None:
    assert sizes_of(rows, rows * ROW, **{"block_tables": False, "mask_bytes_a_score": 0, **options}) == expected


@pytest.mark.parametrize("rows", [1, 8, 64, 128])
@pytest.mark.parametrize("itemsize", [2, 4])
def test_a_mask_takes_no_gigabytes_and_every_row_can_force(rows: int, itemsize: int) -> None:
    sizes = sizes_of(rows, rows * ROW, block_tables=False, mask_bytes_a_score=itemsize)

    floor = rows + 512  # tokens that every step must be able to take
    assert sizes.step_tokens * sizes.pages * sizes.page_tokens * itemsize <= max(
        MASK_BYTES, floor * rows * ROW * itemsize
    )
    assert sizes.force_limit >= 1


def test_pages_hold_at_least_the_tokens_that_are_wanted() -> None:
    assert sizes_of(1, 1000, block_tables=False, mask_bytes_a_score=0).pages == 32
