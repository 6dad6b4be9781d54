"""A disk with a write cache, as a file: what was not flushed is lost, or kept in part, when its power goes.

The kernel asks for its blocks (FUSE, a file system whose root is one file); a loop device and a real file system lie on
it, so the flushes are those that a disk would get. Speaks the kernel's own protocol: no library, but root. Knows
nothing of what is stored, nor of who writes it.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import random
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, RLock, Thread

SECTOR = 512  # what a disk writes whole
MOST = 128 * 1024  # bytes of one write
LONGEST_S = 5.0  # until a cut at a later write is one at any moment
_HEADER, _ANSWER = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
_TRANSFER = struct.Struct("<QQIIQII")  # of a read or write: handle, offset, size, flags, owner, flags, nothing
_ATTRIBUTES = struct.Struct("<QII6Q10I")
_INIT = struct.Struct("<IIIIHHIIHHI28x")
# Numbers of <linux/fuse.h>.
_GETATTR, _OPEN, _READ, _WRITE, _RELEASE, _FSYNC, _FLUSH, _START = 3, 14, 15, 16, 18, 20, 25, 26
_UNANSWERED = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET
_VERSION = (7, 31)


class Disk:
    """`size` bytes of zeros at first. One thread serves it until the mount is gone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.opened = 0  # handles that the kernel holds
        self.fails = False  # each flush, from now on
        self.slow_s = 0.0  # the same
        self._now, self._kept = mmap.mmap(-1, size), mmap.mmap(-1, size)
        self._cached: list[tuple[int, bytes]] = []  # not flushed yet, in their order
        self._stale: list[tuple[int, int]] = []  # where `_now` may be what was lost: offset and length
        self._on, self._off = True, Event()
        self._writes_left = 0  # until the power goes; below 1: nobody said so
        self._at_once: Callable[[], None] = lambda: None
        self._lock = RLock()
        self._device = -1

    def fill(self, image: bytes) -> None:
        self._now[: len(image)] = self._kept[: len(image)] = image

    def mount(self, path: Path) -> None:
        """As this file, which must be there."""
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode={stat.S_IFREG | 0o600:o},user_id=0,group_id=0"
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"disk", os.fsencode(path), b"fuse", ctypes.c_ulong(0), options.encode()):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), "mount of FUSE")
        Thread(target=self._serve, name="disk", daemon=True).start()

    def read(self, offset: int, size: int) -> bytes:
        return self._now[offset : offset + size]

    def write(self, offset: int, data: bytes) -> None:
        self._now[offset : offset + len(data)] = data
        if self._on:
            self._cached.append((offset, data))
            self._writes_left -= 1
            if not self._writes_left:
                self._lose()
        else:
            self._stale.append((offset, len(data)))

    def flush(self) -> int:
        """0, or the number of an error."""
        if self.fails:
            return errno.EIO
        if not self._on:
            return 0
        for offset, data in self._cached:
            self._kept[offset : offset + len(data)] = data
        self._cached.clear()
        return 0

    def cut(self, chance: random.Random, at_once: Callable[[], None], after_writes: int = 0) -> tuple[int, int]:
        """The power goes, and in the same moment whoever uses it (`at_once`): now, or at that write. Until `switch_on`
        the disk takes what the kernel still has to write, and forgets it. How many writes were in its cache, and how
        many of them were kept whole or in part."""
        self.arm(after_writes, at_once)
        if not self._off.wait(LONGEST_S):
            with self._lock:
                if self._on:
                    self._lose()  # nobody wrote so much
        cached = self._cached
        self._cached = []
        return len(cached), sum(self._keep(write, sectors) for write, sectors in survivors(cached, chance))

    def arm(self, after_writes: int, at_once: Callable[[], None]) -> None:
        """The power will go at that write; 0: it goes now."""
        with self._lock:
            self._writes_left, self._at_once = after_writes, at_once
            if not after_writes:
                self._lose()

    def _lose(self) -> None:
        self._at_once()
        self._on, self._writes_left = False, 0
        self._stale = [(offset, len(data)) for offset, data in self._cached]
        self._off.set()

    def switch_on(self) -> None:
        """With what it kept; nobody may have it open."""
        with self._lock:
            for offset, length in self._stale:
                self._now[offset : offset + length] = self._kept[offset : offset + length]
            self._stale.clear()
            self._off.clear()
            self._on = True

    def _keep(self, write: tuple[int, bytes], sectors: list[int]) -> bool:
        offset, data = write
        for sector in sectors:
            start = sector * SECTOR
            part = data[start : start + SECTOR]
            self._kept[offset + start : offset + start + len(part)] = part
        return bool(sectors)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._device, MOST + 4096)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    continue  # it was given up
                return  # unmounted
            _, code, unique, *_ = _HEADER.unpack_from(request)
            if code in _UNANSWERED:
                continue
            if code == _FSYNC:
                time.sleep(self.slow_s)
            with self._lock:  # a cut is made between two requests, or in one
                number, answer = self._answer(code, request[_HEADER.size :])
            os.write(self._device, _ANSWER.pack(_ANSWER.size + len(answer), -number, unique) + answer)

    def _answer(self, code: int, body: bytes) -> tuple[int, bytes]:
        """An error's number, or 0, and what belongs to it."""
        if code == _START:
            ahead = struct.unpack_from("<III", body)[2]
            return 0, _INIT.pack(*_VERSION, ahead, 0, 16, 12, MOST, 1, 0, 0, 0)
        if code == _GETATTR:
            mode = stat.S_IFREG | 0o600
            return 0, _ATTRIBUTES.pack(
                3600, 0, 0, 1, self.size, self.size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0
            )
        if code == _OPEN:
            self.opened += 1
            return 0, bytes(16)  # what the kernel had read before is forgotten
        if code == _READ:
            _, offset, size, *_ = _TRANSFER.unpack_from(body)
            return 0, self.read(offset, size)
        if code == _WRITE:
            _, offset, size, *_ = _TRANSFER.unpack_from(body)
            self.write(offset, body[_TRANSFER.size :])
            return 0, struct.pack("<II", size, 0)
        if code == _FSYNC:
            return self.flush(), b""
        if code in (_RELEASE, _FLUSH):
            self.opened -= code == _RELEASE
            return 0, b""
        return errno.ENOSYS, b""


def survivors(cached: list[tuple[int, bytes]], chance: random.Random) -> list[tuple[tuple[int, bytes], list[int]]]:
    """Which sectors of which cached writes reached the platter: none, all, the first ones with the last of them torn,
    or any, in any order."""
    kind = chance.choice(("none", "all", "first", "any"))
    end = {"none": 0, "all": len(cached), "first": chance.randint(0, len(cached)), "any": len(cached)}[kind]
    kept = []
    for number, write in enumerate(cached[:end]):
        sectors = list(range(-(-len(write[1]) // SECTOR)))
        if kind == "any":
            sectors = [sector for sector in sectors if chance.random() < 0.5]
        elif kind == "first" and number == end - 1:
            sectors = sectors[: chance.randint(0, len(sectors))]
        kept.append((write, sectors))
    return kept
