"""HEAD on every path that knows GET: the same answer without its body (RFC 9110, 9.3.2).

Monitors and load balancers ask so. Knows no route.
"""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware. What GET would go on writing, a stream of events above all, is ended after its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        answered = False

        async def send_head(message: Message) -> None:
            nonlocal answered
            if answered:
                raise ClientDisconnect
            if message["type"] == "http.response.body":
                message, answered = {"type": "http.response.body"}, True
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)
