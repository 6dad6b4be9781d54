"""Hugging Face, or a mirror of it: what a repository has, through huggingface_hub.

The bytes are fetched by models/fetch.py: when huggingface_hub 2 stops, it deletes what it had received of a file, so a
cut at 12 of 12.5 GB would cost them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from models.catalogue import HubModel
from models.fetch import Checksum, Remote
from models.hub.snapshot import Snapshot, needed
from shared.errors import DownloadFailed, ModelUnavailable

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

HUGGINGFACE_ENDPOINT = "https://huggingface.co"
TIMEOUT_S = 5.0
SHA256_DIGITS = 64


def huggingface_snapshot(model: HubModel, endpoint: str | None, revision: str | None) -> Snapshot:
    """The files of `model` at a revision (default `main`), pinned to its commit."""
    from huggingface_hub import HfApi, get_token

    hub = (endpoint or HUGGINGFACE_ENDPOINT).rstrip("/")
    repository = model.huggingface
    requested = revision or "main"
    with _in_words(model, hub, requested):
        api = HfApi(endpoint=hub)
        info = api.model_info(repository, revision=requested, files_metadata=True, timeout=TIMEOUT_S)
    commit = info.sha or requested
    listing = {file.rfilename: file for file in info.siblings or []}
    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    files = []
    for name in needed(listing, model.files, f"{repository} at {hub}"):
        url = f"{hub}/{repository}/resolve/{commit}/{name}"
        size_bytes, checksum = _size_and_checksum(listing[name])
        if checksum is None or size_bytes is None:  # mirrors leave them out of the list, not out of the headers
            with _in_words(model, hub, requested):
                size_bytes, checksum = _head(url, hub)
        files.append(Remote(name, url, size_bytes, checksum, headers, _accept(model, hub)))
    return Snapshot("hf", repository, commit, tuple(files))


def _size_and_checksum(file: RepoSibling) -> tuple[int | None, Checksum | None]:
    if file.lfs:
        return file.lfs.size, Checksum("sha256", file.lfs.sha256)
    return file.size, Checksum("git", file.blob_id) if file.blob_id else None


def _head(url: str, hub: str) -> tuple[int | None, Checksum | None]:
    """From the headers of one file. Of a large file the ETag is its sha256; of a small one it may be anything."""
    from huggingface_hub import get_hf_file_metadata

    metadata = get_hf_file_metadata(url, endpoint=hub, timeout=TIMEOUT_S)
    is_sha256 = metadata.etag is not None and len(metadata.etag) == SHA256_DIGITS
    return metadata.size, Checksum("sha256", metadata.etag) if is_sha256 and metadata.etag else None


def _accept(model: HubModel, hub: str) -> str:
    return f"accept the licence at {hub}/{model.huggingface} and set HF_TOKEN"


@contextmanager
def _in_words(model: HubModel, hub: str, revision: str) -> Iterator[None]:
    """The library's errors as ours, in one line each."""
    import httpx2
    from huggingface_hub import errors

    host = httpx.URL(hub).host
    try:
        yield
    except errors.GatedRepoError as error:
        raise ModelUnavailable(f"{model.name}: {_accept(model, hub)}") from error
    except errors.RevisionNotFoundError as error:
        raise ModelUnavailable(f"{model.huggingface} has no revision {revision} at {host}") from error
    except errors.RepositoryNotFoundError as error:
        if model.must_accept:
            raise ModelUnavailable(f"{model.name}: {_accept(model, hub)}") from error
        raise ModelUnavailable(f"{host} has no {model.huggingface}, or it needs a token (HF_TOKEN)") from error
    except errors.OfflineModeIsEnabled as error:
        raise DownloadFailed("HF_HUB_OFFLINE is set, so the hub is not asked") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in {401, 403}:
            raise ModelUnavailable(f"{model.name}: {host} answered {status}: {_accept(model, hub)}") from error
        if status == httpx.codes.NOT_FOUND:
            raise ModelUnavailable(f"{host} has no {model.huggingface} at revision {revision}") from error
        raise DownloadFailed(f"{host} answered {status}") from error
    except httpx2.HTTPError as error:
        raise DownloadFailed(
            f"{host} cannot be reached ({type(error).__name__}); --endpoint URL names a mirror, "
            "--source modelscope another hub"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadFailed(f"{host} does not answer as a Hugging Face hub does ({type(error).__name__})") from error
