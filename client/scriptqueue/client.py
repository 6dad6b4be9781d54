"""The Python client of the service: `Client` and, for asyncio, `AsyncClient` (async_client.py).

    with Client("http://127.0.0.1:8000") as client:
        job = client.wait(client.submit("A lighthouse keeper finds a message in a bottle").id)

Every call raises `ApiError` when the service refuses and `ServiceUnreachable` when it does not answer. Every call is
safe to repeat (a POST that makes a job by its `Idempotency-Key`), so each survives a dropped connection and a restart
of the service. Knows neither HTTP nor how to wait: calls.py and transport.py do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from typing import Self, Unpack

import httpx

from scriptqueue import calls, takes
from scriptqueue.async_client import AsyncClient
from scriptqueue.calls import CONCURRENCY, DeadJobs, Deliveries, Id, Jobs, OnOutcome, OnProgress, Pages, Prompt
from scriptqueue.errors import (
    AccessDenied,
    ApiError,
    Busy,
    ClientError,
    Conflict,
    Gone,
    JobUnsuccessful,
    NotFound,
    PartlySubmitted,
    RequestInvalid,
    ServiceUnreachable,
    WaitTimedOut,
)
from scriptqueue.options import CheckOptions, JobOptions, WritingOptions
from scriptqueue.protocol import OnTrouble, unheard
from scriptqueue.responses import BatchView, CheckedStoryboard, QueueView
from scriptqueue.schemas import ExportFormat, FrameRate, Job, Scene, Storyboard, TargetName
from scriptqueue.stream import DoneEvent, Event, EventReader, ProgressEvent, SceneEvent, StatusEvent
from scriptqueue.takes import BoardLike
from scriptqueue.transport import HttpTransport

__all__ = [
    "AccessDenied",
    "ApiError",
    "AsyncClient",
    "Busy",
    "Client",
    "ClientError",
    "Conflict",
    "DoneEvent",
    "Event",
    "Gone",
    "JobUnsuccessful",
    "NotFound",
    "PartlySubmitted",
    "ProgressEvent",
    "RequestInvalid",
    "SceneEvent",
    "ServiceUnreachable",
    "StatusEvent",
    "WaitTimedOut",
]


class Client:
    """A client for threads and scripts; may be shared by threads. Close it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        on_trouble: OnTrouble = unheard,
    ) -> None:
        """`on_trouble` is called with the error of a call that is about to be tried again, once a call."""
        self._carrier = HttpTransport(url, api_key, transport, on_trouble)
        self._hold = self._carrier.hold
        self._patience = self._carrier.patience

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._carrier.close()

    def submit(self, prompt: str, *, idempotency_key: str | None = None, **options: Unpack[JobOptions]) -> Job:
        """Queue a prompt. `options` are the fields of a request: `min_scenes=4, sampling={"seed": 7}`. The same
        `idempotency_key` with the same request, within 24 hours, gets the first job."""
        return self._hold(calls.submit(prompt, options, idempotency_key, self._patience))

    def submit_many(
        self,
        prompts: Iterable[Prompt],
        *,
        concurrency: int = CONCURRENCY,
        on_progress: OnOutcome | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Jobs:
        """Queue each prompt with the same options, a few at a time; a full queue and a spent quota are waited out. A
        prompt may be a request of its own: `{"prompt": "...", "max_scenes": 4}`. `on_progress` is called with the place
        of a prompt and its job, or why there is none, as they come; the jobs come in the order of the prompts. With an
        `idempotency_key`, `KEY/0`, `KEY/1`, ... are theirs. Raises `PartlySubmitted`, which holds the jobs."""
        stopped = threading.Event()

        def rest(seconds: float) -> None:
            if stopped.wait(seconds):
                raise CancelledError

        def submit(prompt: Prompt, key: str | None) -> Job | ClientError:
            try:
                return self._hold(calls.submit(prompt, options, key, self._patience, "queue up"), rest)
            except ClientError as error:
                return error

        outcomes: dict[int, Job | ClientError] = {}
        with ThreadPoolExecutor(concurrency) as pool:
            try:
                keys = calls.keys(idempotency_key)
                places = {pool.submit(submit, prompt, next(keys)): place for place, prompt in enumerate(prompts)}
                for future in as_completed(places):
                    outcomes[places[future]] = future.result()
                    if on_progress:
                        on_progress(places[future], future.result())
            except BaseException:
                stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return calls.all_accepted([outcomes[place] for place in sorted(outcomes)])

    def submit_batch(
        self, prompts: Iterable[Prompt], *, idempotency_key: str | None = None, **options: Unpack[JobOptions]
    ) -> BatchView:
        """Queue up to 1,000 prompts in one request, all or none; each is as for `submit_many`."""
        return self._hold(calls.submit_batch(prompts, options, idempotency_key, self._patience))

    def run(
        self,
        prompt: str,
        *,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Storyboard:
        """Submit a prompt and wait: the storyboard, or `JobUnsuccessful`; raises `WaitTimedOut`."""
        job = self.submit(prompt, idempotency_key=idempotency_key, **options)
        return takes.board_of(self.wait(job.id, timeout_s, on_progress))

    def rewrite(
        self,
        id: Id,
        scenes: Sequence[int],
        note: str | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[WritingOptions],
    ) -> Job:
        """A new job that writes these scenes of a job's board anew; all others stay. Numbers right after the last scene
        append; `note` says what should be different."""
        request = takes.rewriting(id, scenes, note)
        return self._hold(calls.submit(request, options, idempotency_key, self._patience))

    def edit(
        self,
        storyboard: BoardLike,
        *,
        of: Id | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[WritingOptions],
    ) -> Job:
        """A job that is done at once with this board, as a take of that job; raises `RequestInvalid` where something of
        it would have to be mended."""
        request = takes.editing(storyboard, of)
        return self._hold(calls.submit(request, options, idempotency_key, self._patience))

    def check(self, storyboard: BoardLike, **options: Unpack[CheckOptions]) -> CheckedStoryboard:
        """The board as it would be valid, and what was mended for it; raises `RequestInvalid` where it cannot be."""
        return self._hold(takes.check_board(storyboard, options, self._patience))

    def takes(self, id: Id) -> Jobs:
        """The jobs that start from one another's boards, this one among them, the oldest first."""
        return self._hold(takes.fetch_takes(id, self._patience))

    def get(self, id: Id) -> Job:
        """The job as it is now."""
        return self._hold(calls.get(id, self._patience))

    def wait(self, id: Id, timeout_s: float | None = None, on_progress: OnProgress | None = None) -> Job:
        """The job once it is done, however it ended; `on_progress` sees it at once and with every change. Raises
        `WaitTimedOut`."""
        return self._hold(calls.wait(id, timeout_s, on_progress, self._patience))

    def result(self, id: Id) -> Storyboard:
        """The bare storyboard; raises `Conflict` while there is none."""
        return self._hold(calls.result(id, self._patience))

    def export(
        self, id: Id, format: ExportFormat, *, fps: FrameRate | None = None, target: TargetName | None = None
    ) -> bytes:
        """The storyboard as the content of a file; `fps` for otio, edl and fcpxml (24), `target` for prompts. Raises
        `Conflict` while there is none."""
        return self._hold(calls.export("jobs", id, {"format": format, "fps": fps, "target": target}, self._patience))

    def events(self, id: Id, after: int = 0) -> Iterator[Event]:
        """Everything that happens to the job, from the start or after the event with that id, until it is done. A
        connection that drops is made again: every event comes once."""
        return self._carrier.events(id, EventReader(after))

    def scenes(self, id: Id) -> Iterator[Scene]:
        """Each scene when it is complete; raises `JobUnsuccessful` when the job ends without a storyboard."""
        for event in self.events(id):
            if scene := calls.scene_of(event):
                yield scene

    def cancel(self, id: Id) -> Job:
        """Stop the job; safe to repeat."""
        return self._hold(calls.cancel(id, self._patience))

    def retry(self, id: Id, *, execution_timeout_s: float | None = None, idempotency_key: str | None = None) -> Job:
        """A new job like one that failed, was canceled or expired; with another time to run if one is given."""
        return self._hold(calls.retry(id, execution_timeout_s, idempotency_key, self._patience))

    def delete(self, id: Id) -> None:
        """Forget a finished job, its prompt and its result."""
        return self._hold(calls.delete(id, self._patience))

    def batch(self, id: Id) -> BatchView:
        """How far the jobs of a batch are."""
        return self._hold(calls.batch(id, self._patience))

    def export_batch(
        self, id: Id, format: ExportFormat, *, fps: FrameRate | None = None, target: TargetName | None = None
    ) -> bytes:
        """A zip with a file for each job of a batch that has a storyboard; raises `Conflict` until all are done."""
        return self._hold(calls.export("batches", id, {"format": format, "fps": fps, "target": target}, self._patience))

    def cancel_batch(self, id: Id) -> BatchView:
        """Stop every job of a batch that is not done; safe to repeat."""
        return self._hold(calls.cancel_batch(id, self._patience))

    def list(
        self, status: str | None = None, limit: int | None = None, *, fields: Sequence[str] | None = None
    ) -> Iterator[Job]:
        """Your jobs, newest first, all of them or up to `limit`; each page is fetched when it is needed. With `fields`
        only these of each, and those that every job has."""
        pages = Pages(limit)
        while pages.left:
            page = self._hold(calls.page(status, fields, pages, self._patience))
            yield from pages.take(page)

    def queue(self) -> QueueView:
        """How full the queue is and who works on it."""
        return self._hold(calls.queue(self._patience))

    def dead(self) -> DeadJobs:
        """Your jobs that ended their worker too often, newest first."""
        return self._hold(calls.dead(self._patience))

    def requeue(self, id: Id) -> Job:
        """A new job like one that is dead, which leaves the list."""
        return self._hold(calls.requeue(id, self._patience))

    def deliveries(self, id: Id) -> Deliveries:
        """What became of the events for the job's webhook, in their order, each with its tries."""
        return self._hold(calls.deliveries(id, self._patience))

    def redeliver(self, id: Id, number: int | None = None) -> Deliveries:
        """Send the event with this number again, whatever became of it; None: all that failed or wait for their next
        try. Raises `Conflict` when there is none."""
        return self._hold(calls.redeliver(id, number, self._patience))
