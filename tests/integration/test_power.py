"""Power cuts and a full disk under load, the shortest of `make chaos`: nothing that was accepted is lost.

redis/redis#5177 and valkey-io/valkey#1148 (zeros at the end of the file) are among `make chaos ARGS="--layers disk"`.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.chaos import disk_faults, power
from tests.chaos.redis_host import Machine, impossible, kept, late_s

REASON = impossible()

pytestmark = [pytest.mark.slow, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


def test_what_was_accepted_survives_each_cut(tmp_path: Path) -> None:
    figures = power.many(tmp_path, count=3, appendfsync="always", seed=1)

    assert figures["accepted"] > 10
    kept(figures)


def test_a_cut_takes_what_nobody_synced(tmp_path: Path) -> None:
    """Else no cut above would prove anything."""
    with Machine(tmp_path / "host", "no") as machine:
        machine.client.set("synced", 1)
        machine.client.config_set("appendfsync", "always")
        machine.client.set("synced", 2)
        machine.client.config_set("appendfsync", "no")
        machine.client.set("lost", 1)
        machine.cut(seed=1)
        machine.on()

        assert machine.client.mget("synced", "lost") == ["2", None]


@pytest.mark.parametrize(
    ("appendfsync", "flush_s", "holds"),
    [
        pytest.param("everysec", 0.0, True, id="a disk as it is"),
        pytest.param("everysec", 1.0, True, id="a slow disk"),
        pytest.param("no", 0.0, False, id="no sync at all"),
    ],
)
def test_what_a_cut_takes_is_no_older_than_the_slowest_sync_allows(
    tmp_path: Path, appendfsync: str, flush_s: float, holds: bool
) -> None:
    """redis/redis#8612: two seconds are no bound, for what waits for a sync under way waits for its own besides."""
    with Machine(tmp_path / "host", appendfsync) as machine:
        machine.do("slow", seconds=flush_s)
        written: list[float] = []
        while len(written) < 120:
            machine.client.rpush("written", len(written))
            written.append(time.monotonic())
            time.sleep(0.05)
        seen = machine.cut(seed=1)
        machine.do("slow", seconds=0)
        machine.on()
        lost = written[machine.client.llen("written") :]

        slowest_s = machine.do("slowest_sync_s")
        assert slowest_s >= flush_s
        assert all(seen["at"] - at <= late_s(slowest_s) for at in lost) is holds


def test_a_full_disk_refuses_by_name_and_loses_nothing(tmp_path: Path) -> None:
    figures = disk_faults.full(tmp_path, "always")

    assert all(answer.startswith("503 store_unavailable: Redis") for answer in figures["posts"])
    assert figures["doctor"]
    kept(figures)
