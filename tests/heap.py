"""What glibc's allocator has handed out in this process, for tests of what stays in memory."""

from __future__ import annotations

import ctypes

import pytest

_NAMES = "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"


class _Mallinfo(ctypes.Structure):
    """mallinfo(3)."""

    _fields_ = [(name, ctypes.c_size_t) for name in _NAMES]


def mapped_bytes() -> int:
    """In blocks that each came from the system by themselves. Skips a test where another C library counts."""
    return int(_mallinfo().hblkhd)


def held_bytes() -> int:
    """In all blocks that have not been freed. Skips as `mapped_bytes`."""
    return int(_mallinfo().uordblks) + mapped_bytes()


def _mallinfo() -> _Mallinfo:
    mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo2 is None:
        pytest.skip("needs glibc's mallinfo2")
    mallinfo2.restype = _Mallinfo
    found = mallinfo2()
    assert isinstance(found, _Mallinfo)
    return found
