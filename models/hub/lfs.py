"""git-lfs: pointers to large files, and where those can be had.

Asked for here and not by the git-lfs program: it need not be installed, and a large file that is cut resumes and is
checked like every other download. A repository on this machine has them in a folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from models.fetch import TIMEOUT, Checksum, Remote
from shared.errors import DownloadFailed, ModelUnavailable

_MEDIA_TYPE = "application/vnd.git-lfs+json"
POINTER = re.compile(
    r"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n"
    r"(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\nsize (\d+)\n?"
)
POINTER_BYTES = 1024  # a pointer is never longer

Pointer = tuple[str, int]  # sha256, size in bytes
Credentials = Callable[[str], tuple[str, str] | None]


def pointer(path: Path) -> Pointer | None:
    """What a file points to, if it is a pointer."""
    if path.stat().st_size > POINTER_BYTES:
        return None
    found = POINTER.fullmatch(path.read_text(errors="replace"))
    return (found[1], int(found[2])) if found else None


def remotes(url: str, here: Path | None, pointers: dict[str, Pointer], credentials: Credentials) -> list[Remote]:
    """Large files as addresses; `here` is the git folder of a repository on this machine."""
    if not pointers:
        return []
    if here is not None:
        return [_stored(here, name, *what) for name, what in pointers.items()]
    if not url.startswith(("http://", "https://")):
        raise ModelUnavailable(f"{url}: the large files of a repository are fetched over https only")
    actions = _batch(url, pointers, credentials)
    return [
        Remote(name, actions[oid]["href"], size, Checksum("sha256", oid), actions[oid].get("header") or {})
        for name, (oid, size) in pointers.items()
    ]


def _stored(here: Path, name: str, oid: str, size_bytes: int) -> Remote:
    path = here / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    if not path.is_file():
        raise ModelUnavailable(f"{here} has only the pointer of {name}: run `git lfs fetch` there")
    return Remote(name, path.resolve().as_uri(), size_bytes, Checksum("sha256", oid))


def _batch(url: str, pointers: dict[str, Pointer], credentials: Credentials) -> dict[str, dict[str, Any]]:
    """Where each large file can be had now, by its sha256."""
    address = f"{url.removesuffix('.git')}.git/info/lfs/objects/batch"
    objects = [{"oid": oid, "size": size} for oid, size in pointers.values()]
    host = httpx.URL(url).host
    answer = _ask(address, {"operation": "download", "transfers": ["basic"], "objects": objects}, credentials)
    if answer.status_code in {401, 403}:
        raise ModelUnavailable(f"{url}: accept its licence there and give git a token (git credential)")
    if answer.is_error:
        raise DownloadFailed(f"{host} answered {answer.status_code} to a question for large files (git-lfs)")
    try:
        by_oid = {item["oid"]: item for item in answer.json()["objects"]}
        for name, (oid, _) in pointers.items():
            if "error" in by_oid[oid]:
                raise DownloadFailed(f"{name}: {host} has it no more ({by_oid[oid]['error'].get('message')})")
            if not by_oid[oid]["actions"]["download"]["href"].startswith(("http://", "https://")):
                raise DownloadFailed(f"{name}: {host} names an address that is not on the web")
        return {oid: item["actions"]["download"] for oid, item in by_oid.items() if "actions" in item}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DownloadFailed(f"{host} does not answer as a git-lfs server does") from error


def _ask(address: str, question: dict[str, Any], credentials: Credentials) -> httpx.Response:
    headers = {"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE}
    try:
        with httpx.Client(headers=headers, timeout=TIMEOUT, follow_redirects=True) as client:
            answer = client.post(address, json=question)
            if answer.status_code in {401, 403} and (known := credentials(address)):
                return client.post(address, json=question, auth=known)
            return answer
    except httpx.HTTPError as error:
        raise DownloadFailed(f"{httpx.URL(address).host} cannot be reached ({type(error).__name__})") from error
