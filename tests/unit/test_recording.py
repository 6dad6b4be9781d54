"""The recording of the page: an APNG of every picture that fits, the finished board at its end."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise

import pytest

from tests.browser.pictures import LAST_MS, MOST_BYTES, SIGNATURE, animated, chunk, chunks, thinned


def png(grey: int) -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return SIGNATURE + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes((0, grey)))), chunk(b"IEND", b""))
    )


def test_a_recording_shows_every_picture_in_order_and_the_last_for_longest() -> None:
    parts = list(chunks(animated([png(1), png(2), png(3)])))

    assert [kind for kind, _ in parts if kind != b"fcTL"] == [b"IHDR", b"acTL", b"IDAT", b"fdAT", b"fdAT", b"IEND"]
    contents = [content if kind == b"IDAT" else content[4:] for kind, content in parts if kind in (b"IDAT", b"fdAT")]
    assert [zlib.decompress(content)[1] for content in contents] == [1, 2, 3]
    numbers = [struct.unpack(">I", content[:4])[0] for kind, content in parts if kind in (b"fcTL", b"fdAT")]
    assert numbers == list(range(5))
    shown_ms = [struct.unpack(">H", content[20:22])[0] for kind, content in parts if kind == b"fcTL"]
    assert shown_ms[-1] == LAST_MS > max(shown_ms[:-1])


@pytest.mark.parametrize("count", [1, 2, 7, 8, 40])
def test_a_recording_that_is_too_large_loses_pictures_evenly_and_never_its_last(count: int) -> None:
    shots = [bytes([number]) * (MOST_BYTES // 7) for number in range(count)]

    kept = thinned(shots)

    assert kept[-1] is shots[-1]
    assert sum(map(len, kept)) <= MOST_BYTES
    assert len({later[0] - earlier[0] for earlier, later in pairwise(kept)}) <= 1
    assert (len(kept) == count) == (count <= 7)
