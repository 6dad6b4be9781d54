"""A host of Redis whose power can be cut: a program in a mount namespace of its own, told what to do line by line.

It mounts a real ext4 on a loop device on a `Disk`, and runs the real server there. When its input ends it takes all
that down; it must not be killed before, for the kernel would wait for a disk that nobody serves. Knows how a server
keeps its append-only file; nothing of jobs.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.chaos.disk import Disk
from tests.chaos.stage import Process, redis_command, until
from tests.chaos.syncs import Syncs

SIZE = 192 * 1024 * 1024
LEFT = 16 * 1024  # bytes of a disk that is nearly full
MULTI = b"*1\r\n$5\r\nMULTI\r\n"
PLAIN = MULTI + b"*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$4\r\ntorn\r\n*1\r\n$4\r\nEXEC\r\n"


class Host:
    """Each public method is a command; its answer is JSON."""

    def __init__(self, folder: Path, port: int, appendfsync: str) -> None:
        self._image, self._root, self._log = folder / "disk", folder / "root", folder / "redis.log"
        self._command = [*redis_command(port, self._root / "redis"), "--appendfsync", appendfsync]
        self._disk = Disk(SIZE)
        self._server: Process | None = None
        self._syncs = Syncs()
        folder.mkdir(parents=True)
        self._root.mkdir()
        with self._image.open("wb") as image:
            image.truncate(SIZE)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self._disk.fill(self._image.read_bytes())
        self._image.write_bytes(b"")
        self._disk.mount(self._image)

    def on(self, damage: str = "", seed: int = 0) -> None:
        """`damage`: what another file system leaves at the end of a file: `torn`, part of a record; `zeros`."""
        self._disk.switch_on()
        _run("mount", "-o", "loop,noatime", str(self._image), str(self._root))
        (self._root / "redis").mkdir(exist_ok=True)
        if damage:
            self._damage(damage, random.Random(seed))
        self.start()

    def start(self) -> None:
        self._server = Process("redis", self._command, self._log)
        self._server.start()
        self._syncs.watch(self._server.pid)

    def alive(self) -> bool:
        return self._server is not None and self._server.alive

    def cut(self, seed: int, after_writes: int) -> dict[str, Any]:
        """When (of the monotonic clock), what was in the disk's cache, what of it was kept, and whether the server was
        rewriting its file."""
        seen: dict[str, Any] = {}

        def at_once() -> None:
            seen.update(rewriting=self._rewrites(), at=time.monotonic())
            self._kill()

        seen["cached"], seen["kept"] = self._disk.cut(random.Random(seed), at_once, after_writes)
        self.off()
        return seen

    def off(self) -> None:
        """In order, but for the server."""
        self._kill()
        if self._server:
            self._server.wait()
        if self._root.is_mount():
            until(self._unmounted, 20, "nobody uses the disk")
        until(lambda: self._disk.opened == 0, 20, "the loop device is gone")

    def fill(self) -> None:
        """The disk is full but for a few kilobytes."""
        state = os.statvfs(self._root)
        with (self._root / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(4096, state.f_bavail * state.f_frsize - LEFT))

    def free(self) -> None:
        (self._root / "ballast").unlink()

    def fail(self, fails: bool) -> None:
        """Each flush of the disk."""
        self._disk.fails = fails

    def slow(self, seconds: float) -> None:
        """Each flush of the disk."""
        self._disk.slow_s = seconds

    def slowest_sync_s(self) -> float:
        return round(self._syncs.slowest_s, 3)

    def mend_file(self) -> int:
        """As the server's own line says; how many bytes were given up."""
        path = self._last_file()
        before = path.stat().st_size
        program = shutil.copy(self._command[0], self._image.parent / "valkey-check-aof")
        subprocess.run([program, "--fix", str(path)], input=b"y\n", check=True, capture_output=True)
        return before - path.stat().st_size

    def _unmounted(self) -> bool:
        return subprocess.run(["umount", str(self._root)], capture_output=True, check=False).returncode == 0

    def _kill(self) -> None:
        if self._server and self.alive():
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)  # and the child that rewrites

    def _rewrites(self) -> bool:
        with suppress(OSError):
            if self._server:
                return bool(Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children").read_text().split())
        return False

    def _last_file(self) -> Path:
        manifest = self._root / "redis/appendonlydir/appendonly.aof.manifest"
        names = [line.split()[1] for line in manifest.read_text().splitlines() if line.endswith("type i")]
        return manifest.with_name(names[-1])

    def _damage(self, damage: str, chance: random.Random) -> None:
        path = self._last_file()
        content = path.read_bytes()
        start = content.rfind(MULTI)
        record = content[start:] if start >= 0 else PLAIN
        tail = bytes(chance.randint(1, 5000)) if damage == "zeros" else record[: chance.randint(1, len(record) - 1)]
        with path.open("ab") as file:
            file.write(tail)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def main(folder: str, port: str, appendfsync: str) -> None:
    host = Host(Path(folder), int(port), appendfsync)
    try:
        for line in sys.stdin:
            name, arguments = json.loads(line)
            try:
                answer: dict[str, Any] = {"answer": getattr(host, name)(**arguments)}
            except (OSError, subprocess.CalledProcessError, TimeoutError) as error:
                answer = {"error": f"{error} {getattr(error, 'stderr', '') or ''}"}
            print(json.dumps(answer), flush=True)
    finally:
        host.off()


if __name__ == "__main__":
    main(*sys.argv[1:])
