"""Where models lie: `CACHE/NAME/REVISION`, whole folders only, and beside them what is still being made.

A folder is made under a hidden name and gets its own by a rename when everything in it is written and checked; until
then it is what the next run resumes. `download.json` says where its files came from and what they must be.
Knows no network.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.errors import ModelUnavailable

RECORD = "download.json"
DIGITS = 12  # of a revision, as the name of a folder
_COMMIT = re.compile(r"[0-9a-f]{12,64}")
SPARE_BYTES = 64 << 20  # beyond the files themselves: directories, logs, everyone else


@dataclass(frozen=True)
class Record:
    """Where a folder came from. `files` holds each file's `size_bytes`, and its `sha256` or `git` checksum if known."""

    name: str
    source: str
    repository: str
    revision: str  # pinned
    requested: str | None  # what the user called it; `asked` in the file
    files: dict[str, dict[str, Any]]

    def write(self, folder: Path) -> None:
        fields = asdict(self)
        fields["asked"] = fields.pop("requested")
        (folder / RECORD).write_text(json.dumps(fields, indent=1) + "\n")


def read_record(folder: Path) -> Record | None:
    """The record of a downloaded folder; None for a folder that came another way or whose record is spoilt."""
    try:
        fields = json.loads((folder / RECORD).read_text())
        return Record(requested=fields.pop("asked"), **fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def cached_folder(name: str, cache_dir: Path, revision: str | None = None) -> Path | None:
    """The folder of a model that is whole in the cache; of several revisions the one that came last.

    `revision` leaves only a commit, whole or its first 12 digits: of a branch one cannot know without asking.
    """
    home = cache_dir.expanduser() / name
    if revision is None:
        folders = [*home.glob("[!.]*")]
    else:
        folders = [home / revision[:DIGITS]] if _COMMIT.fullmatch(revision) else []
    whole = [path for path in folders if (path / "config.json").is_file() and lacks(path) is None]
    return max(whole, key=lambda path: path.stat().st_mtime, default=None)


def lacks(folder: Path) -> str | None:
    """A file that the record or the index of the weights names and the folder does not have."""
    record = read_record(folder)
    promised = [*record.files] if record else []
    for index in folder.glob("*.index.json"):
        try:
            promised += json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            promised.append(index.name + " that can be read")
    there = {path.name for path in folder.iterdir()}
    return next((str(name) for name in dict.fromkeys(map(str, promised)) if name not in there), None)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time makes `folder`; the others wait and find it made."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / f".{folder.name}.lock"
    lock = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        path.unlink(missing_ok=True)  # it is made: whoever comes now needs no lock to see that
    finally:
        os.close(lock)


def partial(folder: Path, revision: str) -> Path:
    """Where `folder` is made; a later run for the same revision finds there what an earlier one received."""
    path = folder.parent / f".{folder.name}.{revision[:DIGITS]}.partial"
    path.mkdir(parents=True, exist_ok=True)
    return path


def reopen(folder: Path, making: Path) -> None:
    """What was called whole and is not goes on being made; `making` is empty, or what it holds is newer."""
    if any(making.iterdir()):
        discard(folder)
        return
    making.rmdir()
    folder.rename(making)


def need(size_bytes: int, where: Path, what: str) -> None:
    """Raises `ModelUnavailable` when the disk is too small for what is to come."""
    free = shutil.disk_usage(where).free
    if free < size_bytes + SPARE_BYTES:
        raise ModelUnavailable(
            f"{what} needs {in_words(size_bytes)} more in {where.parent}, where {in_words(free)} are free"
        )


def in_words(size_bytes: int) -> str:
    """12.5 GB, 491 MB."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"


def finish(making: Path, folder: Path) -> None:
    """Give a whole folder its name."""
    making.rename(folder)


def tidy(making: Path, known: set[str]) -> None:
    """Remove what an earlier version of the same download left and this one does not name."""
    for path in making.iterdir():
        if path.name not in known:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def discard(making: Path) -> None:
    """Remove what was received and is needed no more."""
    shutil.rmtree(making, ignore_errors=True)
