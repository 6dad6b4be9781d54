"""The service under a path of a shared host.

`uvicorn --root-path /sq` says so, or a proxy that takes the path away and names it in `X-Forwarded-Prefix`, as
Traefik's StripPrefix does. Every URL in an answer begins with it. Knows no route.
"""

from __future__ import annotations

import re

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.url_prefix import URL_PREFIX

_HEADER = b"x-forwarded-prefix"
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")  # never "//": that would name another host


class Prefixed:
    """ASGI middleware. What is no path in `X-Forwarded-Prefix` is ignored: anybody may send one, to himself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (prefix := _prefix(scope)):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if not path.startswith(f"{prefix}/") and path != prefix:  # it was taken away
            path = prefix + path
        if path == prefix:  # its page asks for files beside itself
            await RedirectResponse(f"{prefix}/", 308)(scope, receive, send)
            return
        token = URL_PREFIX.set(prefix)
        try:
            await self._app({**scope, "root_path": prefix, "path": path}, receive, send)
        finally:
            URL_PREFIX.reset(token)


def _prefix(scope: Scope) -> str:
    """uvicorn's `--root-path` first: who runs the service knows best."""
    if root := scope.get("root_path", "").rstrip("/"):
        return str(root)
    header = next((value for name, value in scope["headers"] if name == _HEADER), b"")
    prefix = header.decode("latin-1").strip().rstrip("/")
    return prefix if _PREFIX.fullmatch(prefix) else ""
