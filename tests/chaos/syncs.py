"""How long a server's syncs of its append-only file take: its own thread makes them, and sleeps between two.

Knows the thread's name and what Linux says of its state; nothing of disks.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

THREAD = "bio_aof"
LOOK_S = 0.01


class Syncs:
    """Of one server after another. `slowest_s`: no sync took longer, for it is the longest time between two looks that
    found the thread asleep; a look that came late on a busy machine counts too."""

    def __init__(self) -> None:
        self.slowest_s = 0.0

    def watch(self, pid: int) -> None:
        """Until this process ends."""
        Thread(target=self._watch, args=(Path(f"/proc/{pid}"),), name="syncs", daemon=True).start()

    def _watch(self, process: Path) -> None:
        with suppress(OSError):  # it has ended
            while not (threads := _threads(process)):
                time.sleep(LOOK_S)
            asleep = time.monotonic()
            while True:
                state = (threads[0] / "stat").read_text().rpartition(")")[2].split()[0]
                now = time.monotonic()
                self.slowest_s = max(self.slowest_s, now - asleep)
                if state == "S":
                    asleep = now
                time.sleep(LOOK_S)


def _threads(process: Path) -> list[Path]:
    return [path for path in (process / "task").iterdir() if (path / "comm").read_text().strip() == THREAD]
