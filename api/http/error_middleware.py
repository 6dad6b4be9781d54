"""The last line: a fault of ours becomes a problem answer, and its log line quotes nobody.

Starlette's own would log the exception's text, and pydantic's errors quote their input: a prompt.
"""

from __future__ import annotations

import logging
import traceback

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import problems
from shared.errors import ScriptqueueError

log = logging.getLogger(__name__)


class Failsafe:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start" and message["status"] >= 400 and _waits_to_send(scope):
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:  # whatever it is, the client gets an answer and the process lives on
            place = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s %s: %s\n%s", scope["method"], scope["path"], type(error).__name__, place)
            log.debug("%s", error)
            if started:
                raise RuntimeError("the answer had begun") from None
            await problems.answer(ScriptqueueError())(scope, receive, send)


def _waits_to_send(scope: Scope) -> bool:
    """Whether the client sends its body only when it is asked to: refused, it may send that body next, or its next
    request, and one must not be taken for the other."""
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"])
