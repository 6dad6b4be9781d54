"""Who asks: bearer keys from `API__KEYS`, compared in constant time. Knows no routes."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest

from pydantic import SecretStr

from shared.errors import Unauthorized
from shared.setting_lists import split_keys

ANONYMOUS = "anonymous"


class Keys:
    """The keys and the client that each belongs to; empty: everybody is the same anonymous client."""

    def __init__(self, keys: SecretStr) -> None:
        self._digests = [(label, _digest(key.encode())) for label, key in split_keys(keys)]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def client(self, authorization: str | None) -> str:
        """The client behind an `Authorization` header; raises `Unauthorized`."""
        if not self._digests:
            return ANONYMOUS
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized()
        presented, found = _digest(key.strip().encode("latin-1")), None  # headers come decoded as latin-1
        for label, digest in self._digests:  # always all of them: the time tells nothing about which is near
            if compare_digest(presented, digest):
                found = label
        if found is None:
            raise Unauthorized()
        return found


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()
