"""The Python client of the service: `Client` and, for asyncio, `AsyncClient`. Both carry out the same conversations.

    with Client("http://127.0.0.1:8000") as client:
        job = client.wait(client.submit("A lighthouse keeper finds a message in a bottle").id)

Every call raises `ApiError` when the service refuses and `ServiceUnreachable` when it does not answer. Every call is
safe to repeat (a submit by its `Idempotency-Key`), so each survives a dropped connection and a restart of the service.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx

from api import conversation
from api.client_errors import ApiError, ClientError, JobUnsuccessful, PartlySubmitted, ServiceUnreachable, WaitTimedOut
from api.conversation import Conversation, Pages, Patience, Pause, Seen, Send
from api.views import QueueView
from shared.schemas import Job, Scene

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "JobUnsuccessful",
    "PartlySubmitted",
    "ServiceUnreachable",
    "WaitTimedOut",
]

T = TypeVar("T")
Id = UUID | str
Jobs = list[Job]  # within the clients, `list` is a method
OnProgress = Callable[[Job], object]
CONCURRENCY = 16


class Client:
    """A client for threads and scripts; may be shared by threads. Close it, or use it as a context manager."""

    def __init__(self, url: str, api_key: str | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(transport=transport, **_connection(url, api_key))
        self._patience = Patience()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(self, prompt: str, **options: Any) -> Job:
        """Queue a prompt. `options` are the fields of a request: `min_scenes=4, sampling={"seed": 7}`."""
        return self._hold(conversation.submit(prompt, options, self._patience))

    def submit_many(self, prompts: Iterable[str], *, concurrency: int = CONCURRENCY, **options: Any) -> Jobs:
        """Queue each prompt with the same options, a few at a time; a full queue is waited out. The jobs come in the
        order of the prompts. Raises `PartlySubmitted`, which holds the jobs that were accepted."""

        def submit(prompt: str) -> Job | ClientError:
            try:
                return self._hold(conversation.submit(prompt, options, self._patience, queues_up=True))
            except ClientError as error:
                return error

        with ThreadPoolExecutor(concurrency) as pool:
            return _all_accepted(list(pool.map(submit, prompts)))

    def get(self, id: Id) -> Job:
        """The job as it is now."""
        return self._hold(conversation.get(id, self._patience))

    def wait(self, id: Id, timeout_s: float | None = None, on_progress: OnProgress | None = None) -> Job:
        """The job once it is done, however it ended; `on_progress` sees it at once and with every change. Raises
        `WaitTimedOut`."""
        return self._hold(conversation.wait(id, timeout_s, on_progress, self._patience))

    def scenes(self, id: Id) -> Iterator[Scene]:
        """Each scene when it is complete; raises `JobUnsuccessful` when the job ends without a storyboard."""
        seen: Seen | None = None
        told = 0
        while seen is None or not seen.job.done:
            seen = self._hold(conversation.change(id, seen, self._patience))
            for scene in _complete(seen.job)[told:]:
                told += 1
                yield scene

    def cancel(self, id: Id) -> Job:
        """Stop the job; safe to repeat."""
        return self._hold(conversation.cancel(id, self._patience))

    def list(self, status: str | None = None, limit: int | None = None) -> Iterator[Job]:
        """Your jobs, newest first, all of them or up to `limit`; each page is fetched when it is needed."""
        pages = Pages(limit)
        while pages.left:
            page = self._hold(conversation.page(status, pages.size, pages.cursor, self._patience))
            yield from pages.take(page)

    def queue(self) -> QueueView:
        """How full the queue is and who works on it."""
        return self._hold(conversation.queue(self._patience))

    def _hold(self, talk: Conversation[T]) -> T:
        answer: conversation.Answer = None
        while True:
            try:
                step = talk.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = self._do(step)

    def _do(self, step: Send | Pause) -> conversation.Answer:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        try:
            return self._http.request(**_arguments(step))
        except httpx.TransportError as error:
            return error


class AsyncClient:
    """`Client` for asyncio."""

    def __init__(
        self, url: str, api_key: str | None = None, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = httpx.AsyncClient(transport=transport, **_connection(url, api_key))
        self._patience = Patience()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def submit(self, prompt: str, **options: Any) -> Job:
        """As `Client.submit`."""
        return await self._hold(conversation.submit(prompt, options, self._patience))

    async def submit_many(self, prompts: Iterable[str], *, concurrency: int = CONCURRENCY, **options: Any) -> Jobs:
        """As `Client.submit_many`."""
        places = asyncio.Semaphore(concurrency)

        async def submit(prompt: str) -> Job | ClientError:
            async with places:
                try:
                    return await self._hold(conversation.submit(prompt, options, self._patience, queues_up=True))
                except ClientError as error:
                    return error

        return _all_accepted(await asyncio.gather(*(submit(prompt) for prompt in prompts)))

    async def get(self, id: Id) -> Job:
        """As `Client.get`."""
        return await self._hold(conversation.get(id, self._patience))

    async def wait(self, id: Id, timeout_s: float | None = None, on_progress: OnProgress | None = None) -> Job:
        """As `Client.wait`."""
        return await self._hold(conversation.wait(id, timeout_s, on_progress, self._patience))

    async def scenes(self, id: Id) -> AsyncIterator[Scene]:
        """As `Client.scenes`."""
        seen: Seen | None = None
        told = 0
        while seen is None or not seen.job.done:
            seen = await self._hold(conversation.change(id, seen, self._patience))
            for scene in _complete(seen.job)[told:]:
                told += 1
                yield scene

    async def cancel(self, id: Id) -> Job:
        """As `Client.cancel`."""
        return await self._hold(conversation.cancel(id, self._patience))

    async def list(self, status: str | None = None, limit: int | None = None) -> AsyncIterator[Job]:
        """As `Client.list`."""
        pages = Pages(limit)
        while pages.left:
            page = await self._hold(conversation.page(status, pages.size, pages.cursor, self._patience))
            for job in pages.take(page):
                yield job

    async def queue(self) -> QueueView:
        """As `Client.queue`."""
        return await self._hold(conversation.queue(self._patience))

    async def _hold(self, talk: Conversation[T]) -> T:
        answer: conversation.Answer = None
        while True:
            try:
                step = talk.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = await self._do(step)

    async def _do(self, step: Send | Pause) -> conversation.Answer:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._http.request(**_arguments(step))
        except httpx.TransportError as error:
            return error


def _connection(url: str, api_key: str | None) -> dict[str, Any]:
    """How both kinds of httpx client are set up; raises ValueError for what is no address."""
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is no URL: {error}") from None
    if base.scheme not in {"http", "https"} or not base.host:
        raise ValueError(f"{url!r} must be an http or https URL")
    return {
        "base_url": base,
        "headers": {"Authorization": f"Bearer {api_key}".encode()} if api_key else {},
        "trust_env": not _is_here(base.host),  # a proxy of the environment leads away from this machine
        "limits": httpx.Limits(max_connections=None),
    }


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _arguments(send: Send) -> dict[str, Any]:
    return {
        "method": send.method,
        "url": send.path,
        "headers": send.headers,
        "content": send.body,
        "timeout": httpx.Timeout(send.timeout_s, connect=conversation.FIRST_PATIENCE_S),
    }


def _all_accepted(outcomes: list[Job | ClientError]) -> list[Job]:
    jobs = [outcome for outcome in outcomes if isinstance(outcome, Job)]
    if len(jobs) < len(outcomes):
        raise PartlySubmitted(outcomes)
    return jobs


def _complete(job: Job) -> list[Scene]:
    """The scenes that are complete; raises `JobUnsuccessful`."""
    if job.done and job.result is None:
        raise JobUnsuccessful(job)
    return list(job.result.scenes) if job.result else job.scenes
