"""The watch over a worker that loads its model: a process that works may take an hour, one that stands still must go.

Whether it works is the kernel's account: CPU time, what it read or wrote on disks, pages of a mapped file that it had
to wait for. Knows nothing of models.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from worker.exits import EXIT_BROKEN
from worker.watchdog import MAX_GAP_S, Verdict, Watchdog

STANDSTILL_S = 300.0  # a file server that restarts is away for minutes, and its clients wait for it
MIN_CPU_SHARE = 0.01  # of one core; a loop that sleeps and asks takes a tenth of it
MIN_BYTES_PER_S = 1024.0  # more than a log, less than any download that ends
LAST_RESORT_S = 5.0  # after the watch would have bitten
_BLOCK = 512  # bytes, in getrusage(2)
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Effort:
    """What a process has done since its start. `faults`: pages that were waited for."""

    cpu_s: float
    disk_bytes: int
    faults: int
    broken: str | None = None


class StandstillDetector:
    """Judges one look after another; a pure function of them and the clock."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._worked: Effort | None = None  # when it was last seen to work
        self._worked_s = self._looked_s = 0.0

    def judge(self, look: Effort, now_s: float) -> Verdict | None:
        slept = now_s - self._looked_s > MAX_GAP_S
        self._looked_s = now_s
        if self._worked is None or slept or _works(self._worked, look, now_s - self._worked_s):
            self._worked, self._worked_s = look, now_s
        if look.broken:
            return Verdict(look.broken, EXIT_BROKEN)
        if (still_s := now_s - self._worked_s) >= self._patience_s:
            return Verdict(f"loading has stood still for {still_s:.0f} s: no CPU time, nothing read", EXIT_BROKEN)
        return None


@contextmanager
def watched(
    stall_s: float | None, broken: Callable[[], str | None], leave: Callable[[Verdict], None]
) -> Iterator[None]:
    """While the model is loaded, in this thread and in those that it starts. `broken`: why the process must go at once.

    A library that waits while it holds Python's lock stops the watch too: then the kernel's alarm ends the process.
    """
    others = frozenset(_threads()) - {threading.get_native_id()}
    patience_s = stall_s or STANDSTILL_S

    def put_off_alarm() -> None:
        signal.setitimer(signal.ITIMER_REAL, patience_s + LAST_RESORT_S)

    def look() -> Effort:
        put_off_alarm()
        return effort_of(others | {threading.get_native_id()}, broken())

    watchdog = Watchdog(StandstillDetector(patience_s), look, leave)
    put_off_alarm()
    watchdog.start()
    try:
        yield
    finally:
        watchdog.close()
        watchdog.join()  # it puts no alarm off after this
        signal.setitimer(signal.ITIMER_REAL, 0)


def effort_of(others: Set[int] = frozenset(), broken: str | None = None) -> Effort:
    """Of this process, without the CPU time of the threads `others`, which beat and listen whatever happens."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = time.process_time() - sum(map(_cpu_s, others))
    return Effort(cpu_s, (used.ru_inblock + used.ru_oublock) * _BLOCK, used.ru_majflt, broken)


def _works(before: Effort, now: Effort, in_s: float) -> bool:
    return (
        now.faults > before.faults
        or now.cpu_s - before.cpu_s >= MIN_CPU_SHARE * in_s
        or now.disk_bytes - before.disk_bytes >= MIN_BYTES_PER_S * in_s
    )


def _threads() -> Iterator[int]:
    yield from (int(task.name) for task in Path("/proc/self/task").iterdir())


def _cpu_s(thread: int) -> float:
    with suppress(OSError):  # it has ended
        fields = Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S  # utime and stime, proc(5)
    return 0.0
