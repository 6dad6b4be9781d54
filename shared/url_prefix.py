"""Under which path of its host the service is reached: "" or, behind a proxy that shares the host, "/sq".

Set for each request by whoever serves it; outside of requests it is "".
"""

from __future__ import annotations

from contextvars import ContextVar

URL_PREFIX: ContextVar[str] = ContextVar("url_prefix", default="")


def reached_at(path: str) -> str:
    """`path` of this service as whoever asked reaches it."""
    return URL_PREFIX.get() + path
