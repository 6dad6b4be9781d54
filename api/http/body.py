"""A JSON body, read strictly: its type, its size while it streams, and what RFC 8259 calls well-formed.

Python's own reader takes NaN, Infinity, a key twice and UTF-16, and FastAPI's takes any size. Knows no fields.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any, ClassVar, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from shared.errors import BodyTooLarge, BodyTooSlow, MalformedJson, NotJson

_MAX_DEPTH = 64  # pydantic's JSON reader, which the worker uses, ends at 200
_PATIENCE_S = 10.0  # for a body, and a second more for every
_LEAST_BYTES_A_S = 16 * 1024
_MAX_DIGITS = 300  # so that no number overflows a double


class JsonRoute(APIRoute):
    """A route whose body is strict JSON of at most `limit_bytes`."""

    limit_bytes: ClassVar[int] = 64 * 1024

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, limit_bytes = super().get_route_handler(), self.limit_bytes
        if self.body_field is None:
            return handle

        async def handle_strictly(request: Request) -> Response:
            _check_type(request.headers.get("content-type"))
            body = await _read(request, limit_bytes)
            return await handle(_ReadRequest(request, body, parse_json(body)))

        return handle_strictly


class _ReadRequest(Request):
    """A request whose body has been read and parsed."""

    def __init__(self, request: Request, raw: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._raw, self._value = raw, value

    async def body(self) -> bytes:
        return self._raw

    async def json(self) -> Any:
        return self._value


def parse_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8; raises `MalformedJson`."""
    try:
        value = json.loads(
            body.decode("utf-8"), parse_constant=_constant, parse_int=_integer, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg} at character {error.pos}") from None
    except UnicodeDecodeError as error:
        raise MalformedJson(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise _too_deep() from None
    if _deeper_than(value, _MAX_DEPTH):
        raise _too_deep()
    return value


def _check_type(content_type: str | None) -> None:
    message = Message()
    message["content-type"] = content_type or "none/none"
    if message.get_content_type() != "application/json":
        raise NotJson()


async def _read(request: Request, limit_bytes: int) -> bytes:
    too_large = BodyTooLarge(f"at most {limit_bytes} bytes are taken")
    if int(request.headers.get("content-length", "0")) > limit_bytes:
        raise too_large
    body, begun_s = bytearray(), asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(_PATIENCE_S) as patience:
            async for chunk in request.stream():  # a chunked body has no length, and a length may lie
                body += chunk
                if len(body) > limit_bytes:
                    raise too_large
                patience.reschedule(begun_s + _PATIENCE_S + len(body) / _LEAST_BYTES_A_S)
    except TimeoutError:
        raise BodyTooSlow(f"{len(body)} bytes came in {asyncio.get_running_loop().time() - begun_s:.0f} s") from None
    return bytes(body)


def _constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise MalformedJson(f"a number has {len(digits)} digits; {_MAX_DIGITS} are allowed")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise MalformedJson(f"the key {json.dumps(twice[:100])} stands twice in one object")
    return value


def _deeper_than(value: Any, levels: int) -> bool:
    """Level by level, so that no depth exhausts the stack."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            child
            for node in layer
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not layer:
            return False
    return True


def _too_deep() -> MalformedJson:
    return MalformedJson(f"nested deeper than {_MAX_DEPTH} levels")
