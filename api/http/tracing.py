"""A span around each POST, so that the job it makes has a trace to belong to. Installed where traces are asked for."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import traces

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}", re.IGNORECASE)


class Traced:
    """ASGI middleware; goes on with the trace of a caller that sends a `traceparent`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        with traces.span(f"POST {_ID.sub('{id}', scope['path'])}", parent) as note:

            async def note_status(message: Message) -> None:
                if message["type"] == "http.response.start":
                    note("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, note_status)
