"""`Idempotency-Key`: a client's name for one POST, so that repeating it is safe. Knows the header, not the store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from api.http.dependencies import Parts
from scriptqueue.schemas import JobRequest
from shared.errors import InvalidRequest
from shared.store.entry import NO_KEY, Once, fingerprint

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Caller:
    """Who posts, and under which key; raises `InvalidRequest` for a key that is none."""

    def __init__(self, client: str, neighbour: str, idempotency_key: str | None) -> None:
        if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
            raise InvalidRequest("Idempotency-Key must be 1 to 255 visible ASCII characters")
        self.client = client
        self.neighbour = neighbour
        self._key = idempotency_key

    def once(self, kind: str, requests: Iterable[JobRequest]) -> Once:
        return Once(self._key, fingerprint(kind, requests)) if self._key else NO_KEY

    def once_as_sent(self, kind: str, value: Any) -> Once:
        """Of a request that is not whole without what it names: as it was sent, in any order of its keys."""
        if not self._key:
            return NO_KEY
        return Once(self._key, sha256(f"{kind} {json.dumps(value, sort_keys=True)}".encode()).hexdigest())


async def _caller(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="any unique text: within 24 hours the same key with the same body makes nothing new",
            json_schema_extra={"pattern": f"^{_KEY.pattern}$"},
            examples=["6b1c1f0e-8d1e-4a55-9f0c-0c8f3a7b2d10"],
        ),
    ] = None,
) -> Caller:
    return caller_of(request, idempotency_key)


def caller_of(request: Request, idempotency_key: str | None) -> Caller:
    """Raises `Unauthorized`, `InvalidRequest` and, while jobs might be lost, `StoreUnavailable`."""
    parts: Parts = request.app.state.parts
    client = parts.client(request)
    parts.trust.require()  # whoever posts, posts a job
    return Caller(client, parts.neighbour(request, client), idempotency_key)


TheCaller = Annotated[Caller, Depends(_caller)]
