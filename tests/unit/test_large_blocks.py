"""What loading leaves in memory: large blocks come from the system and go back to it, and later ones are kept."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import pytest

from tests.heap import mapped_bytes
from worker.backend.load import large_blocks_apart

BLOCK_BYTES = 3 << 20
BLOCKS = 200  # never written, so they take no memory; more than other tests leave free

_libc = ctypes.CDLL(None)
_libc.malloc.restype = ctypes.c_void_p


def is_apart() -> bool:
    """Whether blocks of a weight's size come from the system by themselves, once what was free before is taken."""
    before = mapped_bytes()
    blocks = [ctypes.c_void_p(_libc.malloc(ctypes.c_size_t(BLOCK_BYTES))) for _ in range(BLOCKS)]
    apart = mapped_bytes() - before >= BLOCK_BYTES
    for block in blocks:
        _libc.free(block)
    return apart


def test_only_while_a_model_is_loaded() -> None:
    with large_blocks_apart():
        assert is_apart()
    assert not is_apart()


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_load_that_fails_leaves_the_usual_rule(error: type[BaseException]) -> None:
    with suppress(error), large_blocks_apart():
        raise error
    assert not is_apart()
