"""Power cuts of Redis' host under load: what was answered before a cut is there after it.

How a cut is made: Redis' folder is a real ext4 on a loop device, on a disk whose blocks this test serves (FUSE, see
`disk.py`). What the kernel wrote and did not flush lies in that disk's cache. At a cut the server is killed and the
cache decided in one moment: nothing, all, a first part torn at a sector, or any sectors of it are kept; what only the
kernel had (its page cache) is lost whole. Then ext4 recovers by its journal and the server starts on what is left, as
after a real cut: files, renames of the manifest and entries of directories are as the real file system leaves them.
Device mapper (dm-flakey, dm-log-writes) would show the same, and many kernels lack it; a shim of `write` and `fsync`,
or a log of the server's calls, would have to guess what a file system makes of them.

What it does not cover: other file systems, which may leave half a record or zeros at a file's end (both are appended
here by hand, and the server must say so or go on); disks that lose what they said was flushed; blocks that rot.

Needs root, FUSE, loop devices, ext4 and util-linux; else it says what is missing.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.failovers import SETTLED_S, Service, accepted_since, ended_since
from tests.chaos.redis_host import REWRITE_S, Machine, check, impossible, outcome, under_load
from tests.chaos.report import Report, spread
from tests.chaos.stage import until

LAYER = "power"
COUNT = 50  # of a whole `make chaos`
WHOLE_EVERY = 20  # cuts, one takes API and worker too
EVERYSEC = 10  # of so many cuts, one is made with `appendfsync everysec`


@dataclass
class Tally:
    """What the cuts were like, and what became of what was accepted before them."""

    cuts: list[float] = field(default_factory=list)  # when the power went
    kinds: Counter[str] = field(default_factory=Counter)
    back_s: list[float] = field(default_factory=list)  # from power to the first accepted POST
    done_s: list[float] = field(default_factory=list)  # and to the end of a job that was accepted after it
    lost: set[str] = field(default_factory=set)

    def before_s(self, sent: float, accepted: float) -> float:
        """How long before a cut a job was accepted at the latest. An answer may come late, even when the power is back:
        Redis had it at some moment since the POST was sent, so the first cut after that has taken it."""
        return next((max(0.0, at - accepted) for at in self.cuts if sent < at), math.inf)


def cut(machine: Machine, service: Service, chance: random.Random, tally: Tally) -> None:
    """One cut at a random moment, and what must hold after it."""
    whole = len(tally.cuts) % WHOLE_EVERY == WHOLE_EVERY - 1
    time.sleep(chance.uniform(0.2, 1.2))
    if chance.random() < 0.3:
        machine.rewrite()
        time.sleep(chance.uniform(0, 1.2 * REWRITE_S))
    after_writes = chance.choice((0, chance.randint(1, 80)))  # at any moment, or at a write of the disk
    seen = machine.cut(chance.getrandbits(32), after_writes)
    if whole:
        service.kill()
    damage = "torn" if chance.random() < 0.3 else ""
    tally.kinds.update(
        {
            "in a rewrite": seen["rewriting"],
            "with writes in the disk's cache": seen["cached"] > 0,
            "of these some kept": seen["kept"] > 0,
            "a torn record appended": bool(damage),
            "API and worker too": whole,
        }
    )
    at = time.monotonic()
    tally.cuts.append(seen["at"])
    machine.on(damage, chance.getrandbits(32))
    if whole:
        service.start()
    until(lambda: accepted_since(service.load, at), SETTLED_S, "a POST is accepted again")
    tally.back_s.append(time.monotonic() - at)
    # Else cuts that come faster than workers connect anew would find no job that runs.
    until(lambda: ended_since(service.load, at), SETTLED_S, "a job of after the cut is done")
    tally.done_s.append(time.monotonic() - at)
    tally.lost |= missing(service, seen["at"] - 5, seen["at"])


def missing(service: Service, since: float, until_then: float) -> set[str]:
    """Which of the jobs that were accepted in this time the API does not know."""
    load = service.load
    with load.lock:
        ids = [job_id for job_id, at in load.accepted.items() if since < at < until_then]
    with httpx.Client(base_url=service.urls[0], timeout=10, trust_env=False) as client:
        return {job_id for job_id in ids if load.look(client, job_id) == 404}


def many(folder: Path, appendfsync: str, count: int, seed: int) -> dict[str, Any]:
    """The figures of so many cuts."""
    chance, tally = random.Random(seed), Tally()
    with under_load(folder, appendfsync) as (machine, service):
        for _ in range(count):
            cut(machine, service, chance, tally)
        figures = outcome(machine, service)
    load = service.load
    lost = tally.lost | load.lost
    return {
        "cuts": count,
        **figures,
        "lost": len(lost),
        "lost_s": spread([tally.before_s(load.sent[job_id], load.accepted[job_id]) for job_id in lost]),
        "again": spread(tally.back_s),
        "done again": spread(tally.done_s),
        **tally.kinds,
    }


def run(report: Report, folder: Path, count: int = COUNT, seed: int = 1) -> None:
    if reason := impossible():
        report.check(LAYER, "power cuts", lambda: f"skipped: {reason}")
        return
    for appendfsync, cuts in (("always", count), ("everysec", max(3, count // EVERYSEC))):
        check(report, LAYER, f"{cuts} power cuts", appendfsync, folder, partial(many, count=cuts, seed=seed))
