"""`AsyncClient`: client.py's `Client` for asyncio, method by method; a test holds the two to the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Self, Unpack

import httpx

from scriptqueue import calls, takes
from scriptqueue.calls import CONCURRENCY, DeadJobs, Deliveries, Id, Jobs, OnOutcome, OnProgress, Pages, Prompt
from scriptqueue.errors import ClientError
from scriptqueue.options import CheckOptions, JobOptions, WritingOptions
from scriptqueue.protocol import OnTrouble, unheard
from scriptqueue.responses import BatchView, CheckedStoryboard, QueueView
from scriptqueue.schemas import ExportFormat, FrameRate, Job, Scene, Storyboard, TargetName
from scriptqueue.stream import Event, EventReader
from scriptqueue.takes import BoardLike
from scriptqueue.transport import AsyncHttpTransport


class AsyncClient:
    """`Client` for asyncio: each method has the meaning and the arguments of that one's."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        on_trouble: OnTrouble = unheard,
    ) -> None:
        self._carrier = AsyncHttpTransport(url, api_key, transport, on_trouble)
        self._hold = self._carrier.hold
        self._patience = self._carrier.patience

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._carrier.close()

    async def submit(self, prompt: str, *, idempotency_key: str | None = None, **options: Unpack[JobOptions]) -> Job:
        return await self._hold(calls.submit(prompt, options, idempotency_key, self._patience))

    async def submit_many(
        self,
        prompts: Iterable[Prompt],
        *,
        concurrency: int = CONCURRENCY,
        on_progress: OnOutcome | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Jobs:
        places = asyncio.Semaphore(concurrency)

        async def submit(place: int, prompt: Prompt, key: str | None) -> Job | ClientError:
            outcome: Job | ClientError
            async with places:
                try:
                    outcome = await self._hold(calls.submit(prompt, options, key, self._patience, "queue up"))
                except ClientError as error:
                    outcome = error
            if on_progress:
                on_progress(place, outcome)
            return outcome

        keys = calls.keys(idempotency_key)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(submit(place, prompt, next(keys))) for place, prompt in enumerate(prompts)]
        return calls.all_accepted([task.result() for task in tasks])

    async def submit_batch(
        self, prompts: Iterable[Prompt], *, idempotency_key: str | None = None, **options: Unpack[JobOptions]
    ) -> BatchView:
        return await self._hold(calls.submit_batch(prompts, options, idempotency_key, self._patience))

    async def run(
        self,
        prompt: str,
        *,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Storyboard:
        job = await self.submit(prompt, idempotency_key=idempotency_key, **options)
        return takes.board_of(await self.wait(job.id, timeout_s, on_progress))

    async def rewrite(
        self,
        id: Id,
        scenes: Sequence[int],
        note: str | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[WritingOptions],
    ) -> Job:
        request = takes.rewriting(id, scenes, note)
        return await self._hold(calls.submit(request, options, idempotency_key, self._patience))

    async def edit(
        self,
        storyboard: BoardLike,
        *,
        of: Id | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[WritingOptions],
    ) -> Job:
        request = takes.editing(storyboard, of)
        return await self._hold(calls.submit(request, options, idempotency_key, self._patience))

    async def check(self, storyboard: BoardLike, **options: Unpack[CheckOptions]) -> CheckedStoryboard:
        return await self._hold(takes.check_board(storyboard, options, self._patience))

    async def takes(self, id: Id) -> Jobs:
        return await self._hold(takes.fetch_takes(id, self._patience))

    async def get(self, id: Id) -> Job:
        return await self._hold(calls.get(id, self._patience))

    async def wait(self, id: Id, timeout_s: float | None = None, on_progress: OnProgress | None = None) -> Job:
        return await self._hold(calls.wait(id, timeout_s, on_progress, self._patience))

    async def result(self, id: Id) -> Storyboard:
        return await self._hold(calls.result(id, self._patience))

    async def export(
        self, id: Id, format: ExportFormat, *, fps: FrameRate | None = None, target: TargetName | None = None
    ) -> bytes:
        return await self._hold(
            calls.export("jobs", id, {"format": format, "fps": fps, "target": target}, self._patience)
        )

    def events(self, id: Id, after: int = 0) -> AsyncIterator[Event]:
        return self._carrier.events(id, EventReader(after))

    async def scenes(self, id: Id) -> AsyncIterator[Scene]:
        async for event in self.events(id):
            if scene := calls.scene_of(event):
                yield scene

    async def cancel(self, id: Id) -> Job:
        return await self._hold(calls.cancel(id, self._patience))

    async def retry(
        self, id: Id, *, execution_timeout_s: float | None = None, idempotency_key: str | None = None
    ) -> Job:
        return await self._hold(calls.retry(id, execution_timeout_s, idempotency_key, self._patience))

    async def delete(self, id: Id) -> None:
        return await self._hold(calls.delete(id, self._patience))

    async def batch(self, id: Id) -> BatchView:
        return await self._hold(calls.batch(id, self._patience))

    async def export_batch(
        self, id: Id, format: ExportFormat, *, fps: FrameRate | None = None, target: TargetName | None = None
    ) -> bytes:
        return await self._hold(
            calls.export("batches", id, {"format": format, "fps": fps, "target": target}, self._patience)
        )

    async def cancel_batch(self, id: Id) -> BatchView:
        return await self._hold(calls.cancel_batch(id, self._patience))

    async def list(
        self, status: str | None = None, limit: int | None = None, *, fields: Sequence[str] | None = None
    ) -> AsyncIterator[Job]:
        pages = Pages(limit)
        while pages.left:
            page = await self._hold(calls.page(status, fields, pages, self._patience))
            for job in pages.take(page):
                yield job

    async def queue(self) -> QueueView:
        return await self._hold(calls.queue(self._patience))

    async def dead(self) -> DeadJobs:
        return await self._hold(calls.dead(self._patience))

    async def requeue(self, id: Id) -> Job:
        return await self._hold(calls.requeue(id, self._patience))

    async def deliveries(self, id: Id) -> Deliveries:
        return await self._hold(calls.deliveries(id, self._patience))

    async def redeliver(self, id: Id, number: int | None = None) -> Deliveries:
        return await self._hold(calls.redeliver(id, number, self._patience))
