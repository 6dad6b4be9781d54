"""Hugging Face, or a mirror of it: what a repository has, by three requests of its public API.

Asked for here and not by huggingface_hub: that follows redirects without end, reads answers of any length, and sends
the token over plain http. Of the library only the user's account is taken. The bytes are fetched by models/fetch.py:
when huggingface_hub 2 stops, it deletes what it had received of a file, so a cut at 12 of 12.5 GB would cost them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import httpx

from models import web
from models.catalogue import HubModel
from models.fetch import Remote, console
from models.hub.snapshot import Facts, Snapshot, by_name, digest, excerpt
from shared.errors import DownloadFailed, ModelUnavailable

HUGGINGFACE_ENDPOINT = "https://huggingface.co"
_OTHERS = "; --endpoint URL names a mirror, --source modelscope another hub"
_SHA256_DIGITS = 64


def huggingface_snapshot(model: HubModel, endpoint: str | None, revision: str | None) -> Snapshot:
    """The files of `model` at a revision (default `main`), pinned to its commit."""
    return _Repository(model, web.endpoint_url(endpoint or HUGGINGFACE_ENDPOINT), revision or "main").snapshot()


class _Repository:
    """One repository of a hub, as it may be seen with the user's token."""

    def __init__(self, model: HubModel, hub: str, revision: str) -> None:
        self._model, self._hub, self._revision = model, hub, revision
        self._host = httpx.URL(hub).host
        token = _token()
        self._token_withheld = token is not None and not web.keeps_secrets(httpx.URL(hub))
        if self._token_withheld:
            console.print(f"{web.without_password(hub)} is not https: it does not get HF_TOKEN", highlight=False)
        self._private = {"Authorization": f"Bearer {token}"} if token and not self._token_withheld else {}

    def snapshot(self) -> Snapshot:
        where = f"{self._model.huggingface} at {web.without_password(self._hub)}"
        path = f"/api/models/{self._model.huggingface}/revision/{quote(self._revision, safe='')}"
        answer = self._answer("GET", f"{path}?blobs=true")
        try:
            body = answer.json()
            facts = by_name(((file["rfilename"], _facts(file)) for file in body["siblings"]), where)
            commit = body.get("sha")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DownloadFailed(
                f"{self._host} does not answer as a Hugging Face hub does ({web.one_line(str(error))})"
            ) from error
        if commit is not None and not isinstance(commit, str):
            raise DownloadFailed(f"{self._host} names a commit that is none: {excerpt(commit)}")
        at = commit or self._revision

        def remotes(names: Iterable[str]) -> list[Remote]:
            return [self._remote(name, at, facts[name]) for name in names]

        pinned = commit or digest(facts, self._model.files)
        return Snapshot("hf", self._model.huggingface, pinned, frozenset(facts), remotes)

    def _remote(self, name: str, at: str, facts: Facts) -> Remote:
        path = f"/{self._model.huggingface}/resolve/{quote(at, safe='')}/{quote(name)}"
        if facts.checksum is None or facts.size_bytes is None:  # mirrors leave them out of the list, not of the headers
            facts = self._facts_of(path)
        return Remote(
            name,
            self._hub + path,
            facts.size_bytes,
            facts.checksum,
            headers=self._private,
            when_refused=self._how_to_accept(),
        )

    def _facts_of(self, path: str) -> Facts:
        """From the headers of one file. Of a large file the ETag is its sha256; of a small one it may be anything."""
        headers = self._answer("HEAD", path, linked=True).headers
        etag = headers.get("X-Linked-Etag", headers.get("ETag", "")).removeprefix("W/").strip('"')
        size = headers.get("X-Linked-Size", headers.get("Content-Length", ""))
        try:
            return Facts.listed(int(size) if size else None, etag if len(etag) == _SHA256_DIGITS else None)
        except ValueError as error:
            raise DownloadFailed(f"{self._host} does not answer as a Hugging Face hub does ({error})") from error

    def _answer(self, method: str, path: str, *, linked: bool = False) -> web.Reply:
        """`linked` is content with a redirect that tells size and checksum: the host behind it does not know them."""
        try:
            answer = web.question(
                self._hub + path,
                method=method,
                private=self._private,
                suffices=lambda response: linked and "X-Linked-Size" in response.headers,
            )
        except httpx.HTTPError as error:
            raise web.failure(error, self._host, _OTHERS) from error
        if answer.status >= httpx.codes.BAD_REQUEST:
            raise self._refusal(answer.status, answer.headers.get("X-Error-Code"))
        return answer

    def _refusal(self, status: int, code: str | None) -> DownloadFailed | ModelUnavailable:
        name, repository, host = self._model.name, self._model.huggingface, self._host
        if code == "GatedRepo":
            return ModelUnavailable(f"{name}: {self._how_to_accept()}")
        if code == "RevisionNotFound":
            return ModelUnavailable(f"{repository} has no revision {self._revision} at {host}")
        if code == "RepoNotFound":
            if self._model.must_accept:
                return ModelUnavailable(f"{name}: {self._how_to_accept()}")
            return ModelUnavailable(f"{host} has no {repository}, or it needs a token (HF_TOKEN)")
        if status in {401, 403}:
            return ModelUnavailable(f"{name}: {host} answered {status}: {self._how_to_accept()}")
        if status == httpx.codes.NOT_FOUND:
            return ModelUnavailable(f"{host} has no {repository} at revision {self._revision}")
        return DownloadFailed(f"{host} answered {status}")

    def _how_to_accept(self) -> str:
        how = "name an https endpoint: HF_TOKEN goes to no other" if self._token_withheld else "set HF_TOKEN"
        return f"accept the licence at {web.without_password(self._hub)}/{self._model.huggingface} and {how}"


def _facts(file: Any) -> Facts:
    """Of one file of the list."""
    lfs = file.get("lfs")
    return (
        Facts.listed(lfs["size"], sha256=lfs["sha256"])
        if lfs
        else Facts.listed(file.get("size"), git=file.get("blobId"))
    )


def _token() -> str | None:
    """The user's, from where Hugging Face's own tools keep it. Never shown."""
    from huggingface_hub import constants, errors, get_token

    if constants.HF_HUB_OFFLINE:
        raise DownloadFailed("HF_HUB_OFFLINE is set, so the hub is not asked")
    try:
        token = get_token()
    except (errors.OIDCError, errors.DeviceCodeError, OSError, ValueError) as error:
        raise ModelUnavailable(f"the token of Hugging Face cannot be read ({type(error).__name__})") from error
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise ModelUnavailable("HF_TOKEN is no token: it holds spaces or other characters that none has")
    return token or None
