"""From a name of the catalogue to a folder: the cache's, or one that is downloaded now.

Knows which hub is asked and in which order things are done; how a hub is asked is models/hub/, how bytes arrive is
models/fetch.py, where they lie is models/cache.py.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from models import cache, embedded, fetch
from models.catalogue import GgufModel, HubModel, find
from models.fetch import Remote
from models.hub import git, huggingface, lfs, modelscope
from models.hub.snapshot import WEIGHTS_SUFFIXES, Snapshot, check_revision, needed, not_whole
from shared.errors import DownloadFailed, ModelUnavailable

DownloadSource = Literal["hf", "modelscope", "git"]
FILES_MAX = 2500
INDEX_BYTES = 32 << 20  # of a model of 91,991 tensors it has 9 MB
SMALL_BYTES = 256 << 20  # of a file that is no weights; the largest tokenizers have 35 MB
WIDEST = 2  # of the catalogue's 16 bits: some repositories hold 32
SOURCES: tuple[DownloadSource, ...] = get_args(DownloadSource)


def cached(name: str, cache_dir: Path) -> Path | None:
    """The folder of `name` if it is whole in the cache; raises `ModelUnavailable` for a name that is not known."""
    models = find(name)
    if isinstance(models[0], GgufModel):
        return embedded.embedded_cached(name, cache_dir)
    return cache.cached_folder(name, cache_dir)


def local(name: str, cache_dir: Path, endpoint: str | None = None) -> Path:
    """The folder to load: gigabytes are never downloaded on the way, only an embedded model is."""
    models = find(name)
    if isinstance(models[0], GgufModel):
        return embedded.obtain_embedded(name, cache_dir, endpoint)
    if folder := cache.cached_folder(name, cache_dir):
        return folder
    size = cache.in_words(models[0].parameters.memory_bytes(16))
    raise ModelUnavailable(f"{name} is not in {cache_dir}: run `python -m models pull {name}` ({size})")


def obtain(  # noqa: PLR0913 - what a user may say of a download
    name: str,
    cache_dir: Path,
    endpoint: str | None = None,
    *,
    source: DownloadSource | None = None,
    revision: str | None = None,
    to: Path | None = None,
) -> Path:
    """The folder of `name`, downloaded if need be; `source` is Hugging Face unless named, `endpoint` its address.

    Raises `ModelUnavailable` when trying again is useless, `DownloadFailed` when it is not; both in one line.
    """
    model = find(name)[0]
    if revision is not None:
        check_revision(revision)
    to = to.expanduser().absolute() if to is not None else None
    if to is not None and (there := _already(to, name, revision)):
        return there
    if isinstance(model, GgufModel):
        if revision is not None or source == "git":
            raise ModelUnavailable(f"{name} is one file known by its checksum: it has no --revision and no git")
        folder = embedded.obtain_embedded(name, cache_dir, endpoint, source)
        return folder if to is None else _copy(folder, to)
    if to is None and (here := cache.cached_folder(name, cache_dir, revision)):
        return here
    home = to.parent if to is not None else cache_dir.expanduser() / name
    with tempfile.TemporaryDirectory(prefix="scriptqueue-") as scratch:
        snapshot = _snapshot(model, source or "hf", endpoint, revision, Path(scratch))
        folder = to if to is not None else home / snapshot.revision[: cache.DIGITS]
        with cache.alone(folder):
            if folder.is_dir() and (there := _whole_or_reopened(folder, snapshot)):
                return there
            return _download(model, snapshot, revision, folder)


def _snapshot(
    model: HubModel, source: DownloadSource, endpoint: str | None, revision: str | None, scratch: Path
) -> Snapshot:
    match source:
        case "hf":
            return huggingface.huggingface_snapshot(model, endpoint, revision)
        case "modelscope":
            return modelscope.modelscope_snapshot(model, endpoint, revision)
        case "git":
            return git.git_snapshot(model, endpoint, revision, scratch)


def _whole_or_reopened(folder: Path, snapshot: Snapshot) -> Path | None:
    """`folder` if it is whole; if not, what it holds is where the download goes on."""
    if not any(folder.iterdir()):
        return None
    lacking = cache.lacks(folder)
    if lacking is None:
        return folder
    record = cache.read_record(folder)
    if record is None or record.revision != snapshot.revision:
        raise ModelUnavailable(f"{folder} lacks {lacking}: remove it, and pull again")
    fetch.console.print(f"{folder} lacks {lacking}", highlight=False)
    cache.reopen(folder, cache.partial(folder, snapshot.revision))
    return None


def _download(model: HubModel, snapshot: Snapshot, requested: str | None, folder: Path) -> Path:
    received = cache.partial(folder, snapshot.revision)
    where = snapshot.repository
    files = _files(model, snapshot, received)
    if empty := [file.name for file in files if file.size_bytes == 0 and file.name.endswith(WEIGHTS_SUFFIXES)]:
        raise not_whole(where, f"{empty[0]} is empty")
    sizes = {file.name: file.size_bytes or 0 for file in files}
    cache.tidy(received, {*sizes, *(name + fetch.PART for name in sizes)})
    have = sum(path.stat().st_size for path in received.iterdir())
    cache.need(sum(sizes.values()) - have, received, model.name)
    total, start = cache.in_words(sum(sizes.values())), f", {cache.in_words(have)} of it here" if have else ""
    fetch.console.print(
        f"fetching {model.name} from {where} at {snapshot.revision[: cache.DIGITS]} "
        f"({len(sizes)} files, {total}{start}; licence: {model.licence})",
        highlight=False,
    )
    fetch.fetch_all(files, received)
    for file in files:
        _refuse_pointer(received / file.name, where)
    cache.Record(
        name=model.name,
        source=snapshot.source,
        repository=snapshot.repository,
        revision=snapshot.revision,
        requested=requested,
        files={
            file.name: {
                "size_bytes": (received / file.name).stat().st_size,
                **({file.checksum.kind: file.checksum.value} if file.checksum else {}),
            }
            for file in files
        },
    ).write(received)
    cache.finish(received, folder)
    return folder


def _files(model: HubModel, snapshot: Snapshot, received: Path) -> list[Remote]:
    """What is to be fetched, each with the most that is taken of it. An index of the weights is received on the way."""

    def read(index: str) -> bytes:
        fetch.fetch_all([replace(file, limit_bytes=INDEX_BYTES) for file in snapshot.remotes([index])], received)
        _refuse_pointer(received / index, snapshot.repository)
        return (received / index).read_bytes()

    names = needed(snapshot.names, model.files, snapshot.repository, read)
    if len(names) > FILES_MAX:
        raise ModelUnavailable(f"{snapshot.repository} lists {len(names)} files for one model")
    most = WIDEST * model.size_bytes
    return [
        replace(file, limit_bytes=most if file.name.endswith(WEIGHTS_SUFFIXES) else SMALL_BYTES)
        for file in snapshot.remotes(names)
    ]


def _refuse_pointer(path: Path, where: str) -> None:
    """Half of a git repository's mirror: git has brought what stands for a large file, and git-lfs not yet the file."""
    if lfs.pointer(path):
        path.unlink()
        raise not_whole(where, f"{path.name} is only a pointer of git-lfs")


def _already(to: Path, name: str, revision: str | None) -> Path | None:
    """`to` if it holds the model already; raises `ModelUnavailable` when it holds something else."""
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return None
    record = cache.read_record(to) if to.is_dir() else None
    if (
        record
        and record.name == name
        and (revision in {None, record.requested} or record.revision.startswith(revision))
    ):
        return to if cache.lacks(to) is None else None
    raise ModelUnavailable(f"{to} is not empty and does not hold {name}{f' at {revision}' if revision else ''}")


def _copy(folder: Path, to: Path) -> Path:
    with cache.alone(to):
        making = cache.partial(to, folder.name)
        cache.need(sum(path.stat().st_size for path in folder.iterdir()), making, to.name)
        try:
            shutil.copytree(folder, making, dirs_exist_ok=True)
        except OSError as error:
            raise DownloadFailed(f"{to} cannot be written: {error.strerror}") from error
        cache.finish(making, to)
    return to
