"""A JSON body, read strictly: its type, its size and structure while it streams, and what RFC 8259 calls well-formed.

Python's own reader takes NaN, Infinity, a key twice and UTF-16, and FastAPI's takes any size, before it asks who
sends it. Knows no fields.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from email.message import Message
from typing import Any, ClassVar, NoReturn, TypeVar

from fastapi import Request, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from api.http.dependencies import Parts
from api.http.keyed_route import Endpoint, KeyedRoute
from api.http.structure import DEEPEST, Structure
from shared.errors import BodyTooLarge, BodyTooSlow, EncodedBody, MalformedJson, NotJson

_T = TypeVar("_T")
_JSON = "application/json"
_PATIENCE_S = 10.0  # for a body, and a second more for every
_LEAST_BYTES_A_S = 16 * 1024
_MAX_DIGITS = 300  # so that no number overflows a double
_MAX_MEMBERS = 4096  # of one array or object; `metadata` has no room for more
_LARGE_BYTES = 64 * 1024
_CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}
_LARGE_BODIES = ThreadPoolExecutor(1, "large-body")  # one: two would only take the interpreter from each other


class JsonRoute(KeyedRoute):
    """A route whose body is strict JSON of at most `limit_bytes`, read when the key was found good and not before."""

    limit_bytes: ClassVar[int] = 64 * 1024
    limit_marks: ClassVar[int] = 10_000  # see `Structure`; sixty whole scenes have 5,500

    def get_route_handler(self) -> Endpoint:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_strictly(request: Request) -> Response:
            parts: Parts = request.app.state.parts
            client = parts.client(request)
            _check_type(request)
            async with self._turn(request, client):
                body = await self._read(request)
                return await self.answer(handle, request, body, await self._value(body))

        return handle_strictly

    async def answer(self, handle: Endpoint, request: Request, body: bytes, value: Any) -> Response:
        """To a request whose body was read. `handle`: FastAPI's way, from the endpoint's signature."""
        return await handle(_ReadRequest(request, body, value))

    @staticmethod
    def value_of(body: bytes) -> Any:
        """What FastAPI validates: the JSON value, or the endpoint's own model. Called in a thread for a large body."""
        return parse_json(body)

    async def _value(self, body: bytes) -> Any:
        if len(body) <= _LARGE_BYTES:
            return self.value_of(body)
        return await aside(self.value_of, body)

    def _turn(self, request: Request, client: str) -> AbstractAsyncContextManager[None]:
        """Nothing to wait for, if the body cannot be large."""
        length = request.headers.get("content-length")
        if self.limit_bytes <= _LARGE_BYTES or (length and int(length) <= _LARGE_BYTES):
            return nullcontext()
        parts: Parts = request.app.state.parts
        return parts.large_bodies.of(parts.neighbour(request, client))

    async def _read(self, request: Request) -> bytes:
        too_large = BodyTooLarge(f"at most {self.limit_bytes} bytes are taken")
        if int(request.headers.get("content-length", "0")) > self.limit_bytes:
            raise too_large
        body, begun_s = bytearray(), asyncio.get_running_loop().time()
        structure, is_whole = Structure(self.limit_marks), False
        try:
            async with asyncio.timeout(_PATIENCE_S) as patience:
                while not is_whole:  # a chunked body has no length, and a length may lie
                    chunk, is_whole = await _next_chunk(request)
                    body += chunk
                    if len(body) > self.limit_bytes:
                        raise too_large
                    structure.add(chunk)
                    if not is_whole:
                        patience.reschedule(begun_s + _PATIENCE_S + len(body) / _LEAST_BYTES_A_S)
        except TimeoutError:
            raise BodyTooSlow(
                f"{len(body)} bytes came in {asyncio.get_running_loop().time() - begun_s:.0f} s"
            ) from None
        return bytes(body)


async def aside(work: Callable[..., _T], *arguments: Any) -> _T:
    """What `work` comes to, in the thread of large bodies: others are answered meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(_LARGE_BODIES, work, *arguments)


class _ReadRequest(Request):
    """A request whose body has been read and parsed."""

    def __init__(self, request: Request, raw: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._raw, self._value = raw, value

    async def body(self) -> bytes:
        return self._raw

    async def json(self) -> Any:
        return self._value


async def _next_chunk(request: Request) -> tuple[bytes, bool]:
    """Some of the body, and whether it is the last; raises `ClientDisconnect`."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), not message.get("more_body", False)


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
        raise MalformedJson(f"nested deeper than {DEEPEST} levels") from None
    _check_width(value)
    return value


def in_the_body(error: ValidationError, *place: str | int) -> list[dict[str, Any]]:
    """Its faults as `RequestValidationError` takes them. `place`: of the value in the body."""
    faults = error.errors(include_url=False, include_input=False)
    return [{**fault, "loc": ("body", *place, *fault["loc"])} for fault in faults]


def _check_type(request: Request) -> None:
    content_type = request.headers.get("content-type") or "none/none"
    if content_type != _JSON:  # the quick way: nearly every request
        _check_media_type(content_type)
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity"}:
        raise EncodedBody(f"The Content-Encoding {json.dumps(coding[:100])} is not taken: send the body as it is")


def _check_media_type(content_type: str) -> None:
    message = Message()
    message["content-type"] = content_type
    if message.get_content_type() != _JSON:
        raise NotJson()
    charset = str(message.get_param("charset", "utf-8"))
    if charset.lower() not in _CHARSETS:  # another text would be read, and not always refused
        raise NotJson(f"JSON is UTF-8; the charset {json.dumps(charset[:100])} is not taken")


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


def _check_width(value: Any) -> None:
    """Level by level, so that no depth exhausts the stack."""
    layer = [value]
    while layer:
        if max(map(len, layer := [node for node in layer if isinstance(node, (dict, list))]), default=0) > _MAX_MEMBERS:
            raise BodyTooLarge(f"an array or object with more than {_MAX_MEMBERS} members is not taken")
        layer = [child for node in layer for child in (node.values() if isinstance(node, dict) else node)]
