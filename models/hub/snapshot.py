"""What a hub has of a repository at one revision, and which of its files a model needs.

Only files at the top are taken, and only those that the catalogue's patterns name: no Python file, no second copy of
the weights in another format, no path that leaves the folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from models.catalogue import WEIGHTS
from models.fetch import Remote
from shared.errors import ModelUnavailable


@dataclass(frozen=True)
class Snapshot:
    """`revision` is pinned: a commit where the hub has commits, so that every file comes from the same one."""

    source: str
    repository: str
    revision: str
    files: tuple[Remote, ...]


def needed(names: Iterable[str], patterns: tuple[str, ...], where: str) -> list[str]:
    """The names to fetch; raises `ModelUnavailable` when there is no configuration or there are no weights."""
    there = sorted(name for name in names if "/" not in name and "\\" not in name and not name.startswith("."))
    if "config.json" not in there:
        raise ModelUnavailable(f"{where} has no config.json")
    weights = next(filter(None, (_all_of(form, there) for form in WEIGHTS)), None)
    if weights is None:
        raise ModelUnavailable(f"{where} has no weights that can be loaded (safetensors or pytorch_model.bin)")
    return [name for name in there if _matches(name, patterns) and not name.endswith(".py")] + weights


def _all_of(form: tuple[str, ...], there: list[str]) -> list[str] | None:
    """The files of one format of the weights, if every pattern of it is met."""
    found = [[name for name in there if fnmatchcase(name, pattern)] for pattern in form]
    return [name for names in found for name in names] if all(found) else None


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
