"""A git repository with large files (git-lfs): its tree through git, its large files through models/hub/lfs.py.

Nothing is checked out, so no hook, filter or attribute of the repository has a say, and no file is asked for that the
model does not need. git must be installed; git-lfs need not be.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx

from models import web
from models.catalogue import HubModel
from models.fetch import Checksum, Remote
from models.hub import huggingface, lfs
from models.hub.snapshot import Snapshot, by_name
from shared.errors import DownloadFailed, ModelUnavailable

TREE_S = 300.0  # for the tree and its small files, without the weights
FILE_MODES = {"100644", "100755"}  # no link, no submodule


def git_snapshot(model: HubModel, endpoint: str | None, revision: str | None, scratch: Path) -> Snapshot:
    """The files of `model` at a branch, tag or full commit (default: the branch that HEAD names).

    `scratch` receives a bare repository without files, and the small files that are needed: keep it until all is there.
    """
    url = _address(model, endpoint)
    _reachable(url)
    bare, small = scratch / "bare", scratch / "small"
    small.mkdir()
    _git(url, "init", "--quiet", "--bare", str(bare))
    at = ("-C", str(bare))
    _git(url, *at, "config", "remote.origin.url", url)
    _git(url, *at, "fetch", "--quiet", "--depth=1", "--filter=blob:none", "origin", revision or "HEAD")
    commit = _git(url, *at, "rev-parse", "FETCH_HEAD^{commit}").decode().strip()
    where = web.without_password(url)
    blobs = by_name(_tree(_git(url, *at, "ls-tree", "-z", commit)), where)

    def remotes(names: Iterable[str]) -> list[Remote]:
        files, pointers = [], {}
        for name in names:
            (small / name).write_bytes(_git(url, *at, "cat-file", "blob", blobs[name]))
            if pointer := lfs.pointer(small / name):
                pointers[name] = pointer
            else:
                size_bytes = (small / name).stat().st_size
                files.append(Remote(name, (small / name).as_uri(), size_bytes, Checksum("git", blobs[name])))
        return files + lfs.remotes(url, _local(url), pointers, credentials)

    return Snapshot("git", where, commit, frozenset(blobs), remotes)


def credentials(url: str) -> tuple[str, str] | None:
    """What git's credential helpers know for an address; nobody is asked, and no plain http address gets any."""
    address = httpx.URL(url)
    port = f":{address.port}" if address.port else ""
    fields = {"protocol": address.scheme, "host": f"{address.host}{port}", "path": address.path.lstrip("/")}
    # A line more would be another host's, and its password sent to this one.
    if not web.keeps_secrets(address) or not "".join(fields.values()).isprintable():
        return None
    question = "".join(f"{name}={value}\n" for name, value in fields.items()) + "\n"
    try:
        answer = _git(url, "credential", "fill", question=question.encode()).decode()
    except (DownloadFailed, ModelUnavailable):
        return None
    filled = dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)
    return (filled["username"], filled["password"]) if {"username", "password"} <= filled.keys() else None


def _address(model: HubModel, endpoint: str | None) -> str:
    """`endpoint` is the address of the repository itself, or of what it lies below."""
    endpoint = endpoint or huggingface.HUGGINGFACE_ENDPOINT
    if _is_web(endpoint):
        endpoint = web.endpoint_url(endpoint)
    if endpoint.endswith(".git") or any((Path(endpoint) / name).exists() for name in (".git", "HEAD")):
        return endpoint
    return f"{endpoint.rstrip('/')}/{model.huggingface}"


def _local(url: str) -> Path | None:
    """The git folder of a repository on this machine."""
    path = Path(url.removeprefix("file://"))
    for folder in (path / ".git", path, path.with_name(path.name + ".git")):
        if (folder / "HEAD").is_file():
            return folder
    return None


def _tree(listing: bytes) -> Iterator[tuple[str, str]]:
    """Names at the top and the ids of their contents, from `ls-tree -z`."""
    for line in filter(None, listing.split(b"\0")):
        about, _, name = line.partition(b"\t")
        mode, kind, blob = about.decode().split()
        if kind == "blob" and mode in FILE_MODES:
            yield name.decode(errors="replace"), blob


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _reachable(url: str) -> None:
    """git has no time limit for connecting; this costs seconds."""
    if _is_web(url):
        try:
            web.question(url, method="HEAD", suffices=lambda response: True)
        except httpx.HTTPError as error:
            raise web.failure(error, httpx.URL(url).host, "; --endpoint names another") from error


def _options(url: str) -> Iterator[str]:
    """git would wait for a password for ever, and for a server that sends a byte now and then."""
    yield "core.askPass=true"
    yield f"http.lowSpeedLimit={web.STRETCH_BYTES // round(web.STRETCH_S)}"
    yield f"http.lowSpeedTime={web.STRETCH_S:.0f}"
    if _is_web(url) and not web.keeps_secrets(httpx.URL(url)):
        yield "credential.helper="  # which forgets those that are configured


def _git(url: str, *arguments: str, question: bytes = b"") -> bytes:
    # ext:: and its like run programs that an address names.
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "file:http:https:ssh", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            ["git", *(word for option in _options(url) for word in ("-c", option)), *arguments],  # noqa: S607 - the user's git
            env=environment,
            input=question,
            capture_output=True,
            timeout=TREE_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise ModelUnavailable("git is not installed; --source hf needs none") from error
    except subprocess.TimeoutExpired as error:
        raise DownloadFailed(f"git: {web.without_password(url)} did not answer within {TREE_S:.0f} s") from error
    if done.returncode:
        raise _in_words(done.stderr.decode(errors="replace"), web.without_password(url))
    return done.stdout


def _in_words(stderr: str, url: str) -> DownloadFailed | ModelUnavailable:
    if re.search(r"couldn't find remote ref|not our ref|unadvertised object", stderr):
        return ModelUnavailable(f"{url} has no such revision (a branch, a tag or a whole commit)")
    if re.search(r"could not read Username|Authentication failed|error: 40[13]|Permission denied", stderr):
        return ModelUnavailable(f"{url}: accept its licence there and give git a token (git credential)")
    if re.search(r"not found|does not exist|does not appear to be a git repository", stderr):
        return ModelUnavailable(f"{url} is no git repository")
    lines = [line.removeprefix("fatal: ") for line in stderr.strip().splitlines()]
    return DownloadFailed(f"git: {web.one_line(lines[0]) if lines else 'no reason given'}")
