"""`Prefer: wait=N` (RFC 7240). A preference that is malformed is ignored, as the RFC asks; what was applied is told."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header
from pydantic import WithJsonSchema

MAX_WAIT_S = 60
_WAIT = re.compile(r'\s*wait\s*=\s*("?)(\d{1,9})\1\s*', re.IGNORECASE)

DESCRIPTION = f"`wait=N`: the answer may take up to N seconds, at most {MAX_WAIT_S}"
SCHEMA = {"type": "string", "title": "Prefer", "examples": ["wait=30"]}  # any text, for none is refused
Prefer = Annotated[list[str] | None, WithJsonSchema(SCHEMA), Header(description=DESCRIPTION)]


def wait_s(prefer: list[str] | None) -> int | None:
    """Seconds the client is willing to wait, at most 60; None when it did not say (so that anyone can read)."""
    preferences = (preference for header in prefer or () for preference in header.split(","))
    for preference in preferences:
        if match := _WAIT.fullmatch(preference.partition(";")[0]):
            return min(int(match[2]), MAX_WAIT_S)
    return None
