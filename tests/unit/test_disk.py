"""What a disk keeps of its cache when its power goes, without any file system on it."""

from __future__ import annotations

import random

import pytest

from tests.chaos.disk import SECTOR, Disk, survivors

WRITES = [(number * 8 * SECTOR, bytes([number]) * (number * SECTOR)) for number in range(1, 6)]


def test_over_many_cuts_each_way_of_losing_is_met() -> None:
    kinds = set()
    for seed in range(200):
        sectors = [len(kept) for _, kept in survivors(WRITES, random.Random(seed))]
        whole = [len(data) // SECTOR for _, data in WRITES]
        torn = any(0 < some < all_of for some, all_of in zip(sectors, whole, strict=False))
        kinds.add("none" if not any(sectors) else "all" if sectors == whole else "torn" if torn else "first")
    assert kinds == {"none", "all", "torn", "first"}


@pytest.mark.parametrize("seed", range(8))
def test_what_was_flushed_stays_and_the_rest_is_old_or_new_by_the_sector(seed: int) -> None:
    disk, size = Disk(64 * SECTOR), 8 * SECTOR
    ended = []
    disk.write(0, b"a" * size)
    assert disk.flush() == 0
    disk.write(0, b"b" * size)

    cached, kept = disk.cut(random.Random(seed), lambda: ended.append(True))
    disk.write(0, b"c" * size)  # what the kernel still had
    assert disk.flush() == 0
    disk.switch_on()

    content = disk.read(0, size)
    assert (ended, cached) == ([True], 1)
    assert {content[start : start + SECTOR] for start in range(0, size, SECTOR)} <= {b"a" * SECTOR, b"b" * SECTOR}
    assert kept == (b"b" in content)


def test_a_cut_at_a_later_write_comes_with_it() -> None:
    disk, ended = Disk(64 * SECTOR), []
    disk.arm(2, lambda: ended.append(True))

    disk.write(0, b"a")
    assert not ended
    disk.write(1, b"b")
    assert ended == [True]


def test_a_disk_that_fails_flushes_nothing() -> None:
    disk = Disk(64 * SECTOR)
    disk.write(0, b"a" * SECTOR)
    disk.fails = True
    assert disk.flush() > 0

    disk.cut(random.Random(1), lambda: None)
    disk.switch_on()
    assert disk.read(0, 1) in (b"\0", b"a")
