"""A host of Redis whose disk can lose its power, fill up and fail, with API, worker and load beside it; and the oracle.

Needs root, FUSE, loop devices, ext4 and util-linux. What is done to a host is `powered.py`'s, why it is honest is told
in `power.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from shared.settings import Settings
from shared.store.checks import examine
from tests.chaos.failovers import Service, serving
from tests.chaos.report import Report
from tests.chaos.stage import HOST, ROOT, free_port, until

JOB = {"metadata": {"stub": {"seconds": 0.6}}}  # some wait, some run
REWRITE_S = 0.3  # as long as a rewrite is made to take
# Of `everysec`: until the next sync is begun, where none is under way. Its own clock ticks ten times a second, and on a
# busy machine it is late besides.
EVERY_S = 1.5
REFUSED = "503 store_unavailable"
PROGRAMS = ("unshare", "mount", "umount", "losetup", "mkfs.ext4")


def impossible() -> str | None:
    """Why no power can be cut here."""
    if os.geteuid() != 0:
        return "file systems of its own need root"
    if missing := [name for name in PROGRAMS if not shutil.which(name)]:
        return f"not installed: {', '.join(missing)}"
    if missing := [name for name in ("/dev/fuse", "/dev/loop-control") if not Path(name).exists()]:
        return f"this kernel has no {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() or None


class Machine:
    """`with Machine(folder) as machine`: a host of Redis."""

    def __init__(self, folder: Path, appendfsync: str = "always") -> None:
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        self.client = redis.Redis(host=HOST, port=self.port, decode_responses=True, socket_timeout=5, protocol=2)
        self.log = folder / "redis.log"
        command = ["unshare", "--mount", "--fork", sys.executable, "-m", "tests.chaos.powered"]
        self._host = subprocess.Popen(
            [*command, str(folder), str(self.port), appendfsync],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C is for us, who end it in order
        )

    def __enter__(self) -> Machine:
        try:
            self.on()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.client.close()
        self._host.communicate(timeout=60)  # the end of its input is the end of it

    def do(self, command: str, **arguments: Any) -> Any:
        """Of `powered.Host`."""
        assert self._host.stdin
        assert self._host.stdout
        self._host.stdin.write(json.dumps([command, arguments]) + "\n")
        self._host.stdin.flush()
        answer = json.loads(self._host.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        return answer["answer"]

    def cut(self, seed: int, after_writes: int = 0) -> dict[str, Any]:
        """The power goes; what was seen of it."""
        seen: dict[str, Any] = self.do("cut", seed=seed, after_writes=after_writes)
        return seen

    def on(self, damage: str = "", seed: int = 0) -> None:
        self.do("on", damage=damage, seed=seed)
        until(self.answers, 20, "Redis starts on what is left")

    def answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def faults(self) -> list[str]:
        """As the doctor names them."""
        settings = Settings(redis={"url": self.url})
        return [finding.words for finding in examine(settings) if finding.level == "fault"]

    def rewrite(self) -> None:
        """Begun, and slow enough to be met in its middle."""
        self.client.config_set("rdb-key-save-delay", int(REWRITE_S * 1e6 / max(1, self.client.dbsize())))
        self.client.bgrewriteaof()


@contextmanager
def under_load(folder: Path, appendfsync: str) -> Iterator[tuple[Machine, Service]]:
    with (
        Machine(folder / "machine", appendfsync) as machine,
        serving(folder / "service", [machine.url], 0, JOB) as service,
    ):
        yield machine, service


def outcome(machine: Machine, service: Service) -> dict[str, Any]:
    """When all is quiet: every accepted job has ended, or is lost; and records and indexes agree. `ghosts`: jobs that
    are there and were accepted of nobody."""
    accepted, lost, changed = service.verify()
    load = service.load
    there = {key.rpartition(":")[2] for key in machine.client.scan_iter("sq:job:*", count=1000)}
    return {
        "accepted": accepted,
        "lost": lost,
        "changed": changed,
        "went back": len(load.older),
        "ghosts": len(there - load.accepted.keys()),
        "refused": dict(load.refused),
        "faults": machine.faults(),
        "slowest_sync_s": machine.do("slowest_sync_s"),
    }


def kept(figures: dict[str, Any]) -> str:
    """Nothing was lost, or changed, and whoever was refused was refused by name."""
    broken = {name: figures[name] for name in ("lost", "changed", "went back", "ghosts", "faults") if figures[name]}
    assert not broken, f"{broken} of {figures}"
    assert set(figures["refused"]) <= {REFUSED}, figures
    return f"of {figures['accepted']} accepted 0 lost, 0 answers changed"


def late_s(slowest_sync_s: float) -> float:
    """How long before a cut what `everysec` loses may have been accepted: in the worst case it came while a sync was
    under way, waited for its end, and its own was not done yet."""
    return EVERY_S + 2 * slowest_sync_s


def check(
    report: Report, layer: str, fault: str, appendfsync: str, folder: Path, play: Callable[[Path, str], dict[str, Any]]
) -> None:
    """One row: with `always` nothing may be lost, else what was accepted since the last sync may have begun."""
    fault = f"{fault}, appendfsync {appendfsync}"

    def checked() -> str:
        figures = play(folder / f"{layer}{len(report.rows)}", appendfsync)
        report.figures[f"{layer}: {fault}"] = figures
        again = f"POST again after {figures['again']['max']:.1f} s at most"
        if appendfsync == "always":
            return f"{kept(figures)}; {again}"
        late, bound_s = figures["lost_s"], late_s(figures["slowest_sync_s"])
        assert not late["n"] or late["max"] <= bound_s, f"more than {bound_s:.1f} s before: {figures}"
        assert not figures["faults"], figures
        when = f" (accepted up to {late['max']:.1f} s before, of {bound_s:.1f})" if late["n"] else ""
        return f"of {figures['accepted']} accepted {figures['lost']} lost{when}; {again}"

    report.check(layer, fault, checked)
