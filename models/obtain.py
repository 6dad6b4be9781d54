"""From a name of the catalogue to a folder: the cache's, or one that is downloaded now.

Knows which hub is asked and in which order things are done; how a hub is asked is models/hub/, how bytes arrive is
models/fetch.py, where they lie is models/cache.py.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Literal, get_args

from models import cache, embedded, fetch
from models.catalogue import GgufModel, HubModel, find
from models.hub import git, huggingface, modelscope
from models.hub.snapshot import Snapshot
from shared.errors import DownloadFailed, ModelUnavailable

DownloadSource = Literal["hf", "modelscope", "git"]
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
            if to is None and folder.is_dir():
                return folder
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


def _download(model: HubModel, snapshot: Snapshot, requested: str | None, folder: Path) -> Path:
    received = cache.partial(folder, snapshot.revision)
    sizes = {file.name: file.size_bytes or 0 for file in snapshot.files}
    cache.tidy(received, {*sizes, *(name + fetch.PART for name in sizes)})
    have = sum(path.stat().st_size for path in received.iterdir())
    cache.need(sum(sizes.values()) - have, received, model.name)
    total, start = cache.in_words(sum(sizes.values())), f", {cache.in_words(have)} of it here" if have else ""
    fetch.console.print(
        f"fetching {model.name} from {snapshot.repository} at {snapshot.revision[: cache.DIGITS]} "
        f"({len(sizes)} files, {total}{start}; licence: {model.licence})",
        highlight=False,
    )
    fetch.fetch_all(snapshot.files, received)
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
            for file in snapshot.files
        },
    ).write(received)
    cache.finish(received, folder)
    return folder


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
        return to
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
