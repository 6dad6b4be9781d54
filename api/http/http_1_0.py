"""Answers to HTTP/1.0: without a length known beforehand they end with their connection.

uvicorn's httptools protocol cuts them into chunks, which HTTP/1.0 does not know: sizes would stand between the events
of a stream (RFC 9112, 6.1). Knows uvicorn's protocol; not what is asked.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def answer_in_one_piece() -> None:
    """Once, for every answer of this process."""
    RequestResponseCycle.send = _unchunked(RequestResponseCycle.send)  # type: ignore[method-assign]


def _unchunked(send: Any) -> Any:
    def send_unchunked(cycle: Any, message: Any) -> Any:  # no coroutine of its own: every answer passes here twice
        if cycle.scope["http_version"] == "1.0":
            if message["type"] == "http.response.start":
                cycle.has_length = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
                if not cycle.has_length:
                    cycle.chunked_encoding = False
            elif not cycle.has_length:
                cycle.expected_content_length = len(message.get("body", b""))
        return send(cycle, message)

    return send_unchunked
