"""git-lfs: pointers to large files, and where those can be had.

Asked for here and not by the git-lfs program: it need not be installed, and a large file that is cut resumes and is
checked like every other download. A repository on this machine has them in a folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from models import web
from models.fetch import Checksum, Remote
from shared.errors import DownloadFailed, ModelUnavailable

_MEDIA_TYPE = "application/vnd.git-lfs+json"
POINTER = re.compile(
    r"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n"
    r"(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n?"
)
POINTER_BYTES = 1024  # a pointer is never longer

Pointer = tuple[str, int]  # sha256, size in bytes
Credentials = Callable[[str], tuple[str, str] | None]


def pointer(path: Path) -> Pointer | None:
    """What a file points to, if it is a pointer."""
    if path.stat().st_size > POINTER_BYTES:
        return None
    found = POINTER.fullmatch(path.read_text(encoding="utf-8", errors="replace"))
    return (found[1], int(found[2])) if found else None


def remotes(url: str, here: Path | None, pointers: dict[str, Pointer], credentials: Credentials) -> list[Remote]:
    """Large files as addresses; `here` is the git folder of a repository on this machine."""
    if not pointers:
        return []
    if here is not None:
        return [_stored(here, name, *what) for name, what in pointers.items()]
    if not url.startswith(("http://", "https://")):
        raise ModelUnavailable(
            f"{web.without_password(url)}: the large files of a repository are fetched over https only"
        )
    actions = _batch(url, pointers, credentials)
    return [
        Remote(name, actions[oid]["href"], size, Checksum("sha256", oid), headers=actions[oid]["header"])
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
    answer = _answer(address, {"operation": "download", "transfers": ["basic"], "objects": objects}, credentials)
    if answer.status in {401, 403}:
        raise ModelUnavailable(
            f"{web.without_password(url)}: accept its licence there and give git a token (git credential)"
        )
    if answer.status >= httpx.codes.BAD_REQUEST:
        raise DownloadFailed(f"{host} answered {answer.status} to a question for large files (git-lfs)")
    try:
        by_oid = {item["oid"]: item for item in answer.json()["objects"]}
        actions = {}
        for name, (oid, _) in pointers.items():
            if "error" in by_oid[oid]:
                reason = web.one_line(str(by_oid[oid]["error"].get("message")))
                raise DownloadFailed(f"{name}: {host} has it no more ({reason})")
            action = by_oid[oid]["actions"]["download"]
            if not action["href"].startswith(("http://", "https://")):
                raise DownloadFailed(f"{name}: {host} names an address that is not on the web")
            actions[oid] = {"href": str(httpx.URL(action["href"])), "header": web.header_values(action.get("header"))}
    except (ValueError, KeyError, TypeError, AttributeError, httpx.InvalidURL) as error:
        raise DownloadFailed(f"{host} does not answer as a git-lfs server does") from error
    return actions


def _answer(address: str, question: dict[str, Any], credentials: Credentials) -> web.Reply:
    headers = {"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE}
    body = json.dumps(question).encode()
    try:
        answer = web.question(address, method="POST", headers=headers, body=body)
        if answer.status in {401, 403} and (known := credentials(address)):
            private = web.basic(*known)
            return web.question(address, method="POST", headers=headers, private=private, body=body)
        return answer
    except httpx.HTTPError as error:
        raise web.failure(error, httpx.URL(address).host) from error
