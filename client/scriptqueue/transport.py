"""Carries conversations out over HTTP: one class for threads, one for asyncio, the same in every step.

Knows httpx and time; what is said and what it means, calls.py and stream.py know.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import httpx
from httpx_sse import EventSource

from scriptqueue import calls
from scriptqueue.protocol import FIRST_PATIENCE_S, Answer, Call, OnTrouble, Patience, Pause, Send, stranger
from scriptqueue.proxies import transport_to
from scriptqueue.stream import Event, EventReader

_T = TypeVar("_T")
_ANY_NUMBER = httpx.Limits(max_connections=None)
Sleep = Callable[[float], object]


class HttpTransport:
    def __init__(
        self, url: str, api_key: str | None, transport: httpx.BaseTransport | None, on_trouble: OnTrouble
    ) -> None:
        connection = _connection(url, api_key)
        way = transport or transport_to(connection["base_url"], httpx.HTTPTransport, limits=_ANY_NUMBER)
        self._http = httpx.Client(transport=way, **connection)
        self.patience = Patience(on_trouble=on_trouble)

    def close(self) -> None:
        self._http.close()

    def hold(self, talk: Call[_T], sleep: Sleep = time.sleep) -> _T:
        """What the conversation comes to."""
        answer: Answer = None
        while True:
            try:
                step = talk.send(answer)
            except StopIteration as end:
                result: _T = end.value
                return result
            if isinstance(step, Pause):
                sleep(step.seconds)
                answer = None
            else:
                answer = self._answer(step)

    def events(self, job_id: object, following: EventReader) -> Iterator[Event]:
        """Events until the last, over as many connections as it takes."""
        while not following.ended:
            response = self.hold(calls.stream(job_id, following, self.patience))
            try:
                if response.status_code != httpx.codes.OK:  # nothing more to come
                    return
                for message in EventSource(response).iter_sse():
                    if event := _taken(following, message, response):
                        yield event
            except httpx.TransportError:
                continue  # cut off: on with the event after the last one
            finally:
                response.close()

    def _answer(self, send: Send) -> Answer:
        try:
            response = self._http.send(self._http.build_request(**_arguments(send)), stream=True)
            if not send.stream or response.status_code != httpx.codes.OK:
                response.read()
            return response
        except httpx.TransportError as error:
            return error


class AsyncHttpTransport:
    def __init__(
        self, url: str, api_key: str | None, transport: httpx.AsyncBaseTransport | None, on_trouble: OnTrouble
    ) -> None:
        connection = _connection(url, api_key)
        way = transport or transport_to(connection["base_url"], httpx.AsyncHTTPTransport, limits=_ANY_NUMBER)
        self._http = httpx.AsyncClient(transport=way, **connection)
        self.patience = Patience(on_trouble=on_trouble)

    async def close(self) -> None:
        await self._http.aclose()

    async def hold(self, talk: Call[_T]) -> _T:
        """As `HttpTransport.hold`."""
        answer: Answer = None
        while True:
            try:
                step = talk.send(answer)
            except StopIteration as end:
                result: _T = end.value
                return result
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                answer = None
            else:
                answer = await self._answer(step)

    async def events(self, job_id: object, following: EventReader) -> AsyncIterator[Event]:
        """As `HttpTransport.events`."""
        while not following.ended:
            response = await self.hold(calls.stream(job_id, following, self.patience))
            try:
                if response.status_code != httpx.codes.OK:
                    return
                async for message in EventSource(response).aiter_sse():
                    if event := _taken(following, message, response):
                        yield event
            except httpx.TransportError:
                continue
            finally:
                await response.aclose()

    async def _answer(self, send: Send) -> Answer:
        try:
            response = await self._http.send(self._http.build_request(**_arguments(send)), stream=True)
            if not send.stream or response.status_code != httpx.codes.OK:
                await response.aread()
            return response
        except httpx.TransportError as error:
            return error


def _taken(following: EventReader, message: Any, response: httpx.Response) -> Event | None:
    try:
        return following.take(message)
    except ValueError:
        raise stranger(response) from None


def _connection(url: str, api_key: str | None) -> dict[str, Any]:
    """How both kinds of httpx client are set up; raises ValueError for what is no address and no key."""
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is no URL: {error}") from None
    if base.scheme not in {"http", "https"} or not base.host:
        raise ValueError(f"{url!r} must be an http or https URL")
    if api_key and not (api_key.isprintable() and api_key.strip() == api_key):
        raise ValueError("the API key has a line break or blanks around it")
    return {
        "base_url": base,
        "headers": {"Authorization": f"Bearer {api_key}".encode()} if api_key else {},
    }


def _arguments(send: Send) -> dict[str, Any]:
    return {
        "method": send.method,
        "url": send.path,
        "headers": send.headers,
        "content": send.body,
        "timeout": httpx.Timeout(send.timeout_s, connect=FIRST_PATIENCE_S),
    }
