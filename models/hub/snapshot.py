"""What a hub has of a repository at one revision, and which of its files a model needs.

Only files at the top are taken, and only those that the catalogue's patterns or the index of the weights name: no
Python file, no second copy of the weights in another format, no path that leaves the folder. What a hub says is not
believed: a commit, a size or a checksum that is none is refused before anything is named after it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from models import web
from models.catalogue import WEIGHTS
from models.fetch import PART, Checksum, Remote, console
from shared.errors import DownloadFailed, ModelUnavailable

INDEX_SUFFIX = ".index.json"  # after the name of the weights
WEIGHTS_SUFFIXES = (".safetensors", ".bin")
SHARDS_MAX = 2000  # the largest models have some hundred
SIZE_MAX = 1 << 50
NAME_BYTES = 200
_PINNED = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHARD = re.compile(r"-\d{5}-of-\d{5}")
_REVISION = re.compile(r"[\w.+@#=,/-]{1,255}")
_OF_WINDOWS = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """`revision` is pinned: a commit, or a digest of ours of what the hub lists, so that every file is of the same one.

    `remotes` says where files can be had; it may ask the hub. Raises `DownloadFailed` for a revision that is none.
    """

    source: str
    repository: str
    revision: str
    names: frozenset[str]
    remotes: Callable[[Iterable[str]], list[Remote]]

    def __post_init__(self) -> None:
        if not _PINNED.fullmatch(self.revision):
            raise DownloadFailed(f"{self.repository}: the hub names a commit that is none: {excerpt(self.revision)}")


@dataclass(frozen=True)
class Facts:
    """What a hub lists of one file; None is what it leaves out."""

    size_bytes: int | None = None
    checksum: Checksum | None = None

    @classmethod
    def listed(cls, size_bytes: Any, sha256: Any = None, git: Any = None) -> Facts:
        """Raises `ValueError` for a size or a checksum that is none."""
        if size_bytes is not None and (type(size_bytes) is not int or not 0 <= size_bytes <= SIZE_MAX):
            raise ValueError(f"a size of {excerpt(size_bytes)}")
        for kind, value, digits in (("sha256", sha256, 64), ("git", git, 40)):
            if value:
                if not isinstance(value, str) or not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value):
                    raise ValueError(f"a checksum of {excerpt(value)}")
                return cls(size_bytes, Checksum(kind, value.lower()))
        return cls(size_bytes)


def check_revision(revision: str) -> None:
    """Raises `ModelUnavailable` for what no hub calls a branch, a tag or a commit: it may be a path or an option."""
    parts = revision.split("/")
    if not _REVISION.fullmatch(revision) or revision.startswith("-") or ".." in revision or {"", "."} & set(parts):
        raise ModelUnavailable(f"{excerpt(revision)} is no revision: a branch, a tag or a commit")


def by_name(listed: Iterable[tuple[str, T]], where: str) -> dict[str, T]:
    """The files at the top that can be written as they are called; raises `ModelUnavailable` for two of one name."""
    found: dict[str, T] = {}
    spelt: dict[str, str] = {}
    for name, about in listed:
        if not _is_plain(name):
            continue
        if (other := spelt.setdefault(name.casefold(), name)) != name or name in found:
            raise ModelUnavailable(f"{where} lists {other} and {name}: one file on many disks")
        found[name] = about
    return found


def digest(facts: Mapping[str, Facts], patterns: tuple[str, ...]) -> str:
    """A revision for a hub that names no commit: of every file that may be needed, its checksum or else its size."""
    lines = [
        f"{name} {about.checksum.value if about.checksum else about.size_bytes}\n"
        for name, about in sorted(facts.items())
        if _matches(name, patterns) or name.endswith((*WEIGHTS_SUFFIXES, INDEX_SUFFIX))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def needed(names: Iterable[str], patterns: tuple[str, ...], where: str, read: Callable[[str], bytes]) -> list[str]:
    """The names to fetch; `read` gives the content of an index of weights.

    Raises `ModelUnavailable` when there is no configuration or there are no weights, and `DownloadFailed` when the
    weights are not all there yet. The same weights are often published in more than one format: the first that is
    whole is taken, and one that is half there is waited for.
    """
    there = sorted(filter(_is_plain, names))
    if "config.json" not in there:
        raise ModelUnavailable(f"{where} has no config.json")
    refused: DownloadFailed | ModelUnavailable | None = None
    for whole in WEIGHTS:
        weights = _all_of(whole, there, where, read)
        if not isinstance(weights, list):
            refused = refused or weights
        elif weights:
            if refused:
                console.print(f"{refused}; {weights[0]} is taken", highlight=False)
            return [name for name in there if _matches(name, patterns) and not name.endswith(".py")] + weights
    if refused:
        raise refused
    raise ModelUnavailable(f"{where} has no weights that can be loaded (safetensors or pytorch_model.bin)")


def indexed_shards(content: bytes, name: str) -> list[str]:
    """The files that an index names; raises `ModelUnavailable` for one that cannot be followed."""
    try:
        places = json.loads(content)["weight_map"]
        files = sorted(set(places.values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelUnavailable(f"{name} does not say which file holds which tensor ({type(error).__name__})") from error
    if not files:
        raise ModelUnavailable(f"{name} names no file of weights")
    if len(files) > SHARDS_MAX:
        raise ModelUnavailable(f"{name} names {len(files)} files of weights, and no model has more than {SHARDS_MAX}")
    for file in files:
        if not isinstance(file, str) or not _is_plain(file) or not file.endswith(WEIGHTS_SUFFIXES):
            raise ModelUnavailable(f"{name} names a file that is no weights of this folder: {excerpt(file)}")
    return files


def not_whole(where: str, why: str) -> DownloadFailed:
    """Uploads and syncs take hours: later it may be."""
    return DownloadFailed(f"{where} is not whole yet: {why}")


def excerpt(value: Any) -> str:
    """A value of a stranger, fit to be shown."""
    return web.one_line(repr(value))


def _all_of(
    whole: str, there: list[str], where: str, read: Callable[[str], bytes]
) -> list[str] | DownloadFailed | ModelUnavailable:
    """The files of one format of the weights, none if nothing of it is there; or why another should be tried."""
    index = whole + INDEX_SUFFIX
    refused: DownloadFailed | ModelUnavailable | None = None
    if index in there:
        content = read(index)
        try:
            files = indexed_shards(content, index)
        except ModelUnavailable as error:
            refused = error
        else:
            lacking = next((file for file in files if file not in there), None)
            if lacking is None:
                return [index, *files]
            refused = not_whole(where, f"{lacking} is missing")
            if whole not in there and any(file in there for file in files):
                raise refused  # it is on its way, and what was received of it is worth keeping
    elif any(_SHARD.search(name) and name.startswith(whole.partition(".")[0]) for name in there):
        refused = not_whole(where, f"{index} is missing")
    return [whole] if whole in there else refused or []


def _is_plain(name: Any) -> bool:
    """Whether a file can have this name in one folder, on every system, beside our own files."""
    return (
        isinstance(name, str)
        and name.isprintable()
        and not re.search(r'[/\\:*?"<>|]', name)
        and not name.startswith(".")
        and not name.endswith((".", " ", PART))
        and not _OF_WINDOWS.fullmatch(name)
        and 0 < len(name.encode()) <= NAME_BYTES
    )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
