"""ModelScope's public API: what a repository has.

Own client of two requests: the modelscope library needs five more packages (one compiled) and keeps its cookies as a
pickle. ModelScope names no commit for a branch, so the revision of a snapshot is a digest of its files' checksums.
"""

from __future__ import annotations

import hashlib
from typing import Any

import httpx

from models.catalogue import HubModel
from models.fetch import TIMEOUT, Checksum, Remote
from models.hub.snapshot import Snapshot, needed
from shared.errors import DownloadFailed, ModelUnavailable

MODELSCOPE_ENDPOINT = "https://modelscope.cn"


def modelscope_snapshot(model: HubModel, endpoint: str | None, revision: str | None) -> Snapshot:
    """The files of `model` at a revision (default `master`)."""
    hub = (endpoint or MODELSCOPE_ENDPOINT).rstrip("/")
    requested = revision or "master"
    api = f"{hub}/api/v1/models/{model.modelscope}/repo"
    listed = {file["Path"]: file for file in _listed(api, model, requested) if file.get("Type") != "tree"}
    files = tuple(
        Remote(
            name=name,
            url=str(httpx.URL(api, params={"Revision": requested, "FilePath": name})),
            size_bytes=listed[name].get("Size"),
            checksum=Checksum("sha256", listed[name]["Sha256"]) if listed[name].get("Sha256") else None,
            when_refused=f"accept the licence at {hub}/models/{model.modelscope}",
        )
        for name in needed(listed, model.files, f"{model.modelscope} at {hub}")
    )
    return Snapshot("modelscope", model.modelscope, _digest(files), files)


def _listed(api: str, model: HubModel, revision: str) -> list[dict[str, Any]]:
    host = httpx.URL(api).host
    try:
        answer = httpx.get(
            f"{api}/files", params={"Revision": revision, "Recursive": "False"}, timeout=TIMEOUT, follow_redirects=True
        )
    except httpx.HTTPError as error:
        raise DownloadFailed(
            f"{host} cannot be reached ({type(error).__name__}); --source hf is another hub"
        ) from error
    if answer.status_code in {401, 403}:
        raise ModelUnavailable(
            f"{model.modelscope}: {host} answered {answer.status_code}: its licence must be accepted"
        )
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise ModelUnavailable(f"{host} has no {model.modelscope} at revision {revision}")
    try:
        body = answer.json()
        if answer.is_error or not body.get("Success", True):
            raise DownloadFailed(f"{host} answered {answer.status_code}: {str(body.get('Message'))[:200]}")
        files: list[dict[str, Any]] = body["Data"]["Files"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DownloadFailed(f"{host} does not answer as ModelScope does ({answer.status_code})") from error
    return files


def _digest(files: tuple[Remote, ...]) -> str:
    lines = [f"{file.name} {file.checksum.value if file.checksum else file.size_bytes}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
