"""ModelScope's public API: what a repository has.

Own client of two requests: the modelscope library needs five more packages (one compiled) and keeps its cookies as a
pickle. ModelScope names no commit for a branch, so the revision of a snapshot is a digest of what it lists. It gets no
token: what needs one there is had from another hub.
"""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from models import web
from models.catalogue import HubModel
from models.fetch import Remote
from models.hub.snapshot import Facts, Snapshot, by_name, digest
from shared.errors import DownloadFailed, ModelUnavailable

MODELSCOPE_ENDPOINT = "https://modelscope.cn"


def modelscope_snapshot(model: HubModel, endpoint: str | None, revision: str | None) -> Snapshot:
    """The files of `model` at a revision (default `master`)."""
    hub = web.endpoint_url(endpoint or MODELSCOPE_ENDPOINT)
    requested = revision or "master"
    api = f"{hub}/api/v1/models/{model.modelscope}/repo"
    facts = _listed(api, model, requested, f"{model.modelscope} at {web.without_password(hub)}")

    def remotes(names: Iterable[str]) -> list[Remote]:
        return [
            Remote(
                name=name,
                url=str(httpx.URL(api, params={"Revision": requested, "FilePath": name})),
                size_bytes=facts[name].size_bytes,
                checksum=facts[name].checksum,
                when_refused=f"accept the licence at {web.without_password(hub)}/models/{model.modelscope}",
            )
            for name in names
        ]

    return Snapshot("modelscope", model.modelscope, digest(facts, model.files), frozenset(facts), remotes)


def _listed(api: str, model: HubModel, revision: str, where: str) -> dict[str, Facts]:
    host = httpx.URL(api).host
    try:
        answer = web.question(str(httpx.URL(f"{api}/files", params={"Revision": revision, "Recursive": "False"})))
    except httpx.HTTPError as error:
        raise web.failure(error, host, "; --source hf is another hub") from error
    if answer.status in {401, 403}:
        raise ModelUnavailable(f"{model.modelscope}: {host} answered {answer.status}: its licence must be accepted")
    if answer.status == httpx.codes.NOT_FOUND:
        raise ModelUnavailable(f"{host} has no {model.modelscope} at revision {revision}")
    try:
        body = answer.json()
        if answer.status >= httpx.codes.BAD_REQUEST or not body.get("Success", True):
            raise DownloadFailed(f"{host} answered {answer.status}: {web.one_line(str(body.get('Message')))}")
        files = [file for file in body["Data"]["Files"] if file.get("Type") != "tree"]
        listed = [(file["Path"], Facts.listed(file.get("Size"), sha256=file.get("Sha256"))) for file in files]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DownloadFailed(
            f"{host} does not answer as ModelScope does ({answer.status}: {web.one_line(str(error))})"
        ) from error
    return by_name(listed, where)
