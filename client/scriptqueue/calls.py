"""What a client says to the service, call by call, and what it makes of the answers.

Each function is a conversation of protocol.py: the sync and the async client only carry its steps out, so they
cannot differ.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, repeat
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from scriptqueue.errors import (
    Busy,
    ClientError,
    Conflict,
    Gone,
    JobUnsuccessful,
    PartlySubmitted,
    ServiceUnreachable,
    WaitTimedOut,
)
from scriptqueue.protocol import (
    RESPONSE_TIMEOUT_S,
    Call,
    Patience,
    Pause,
    Send,
    WhenFull,
    accepted,
    answered,
    model,
    retry_after_s,
    stranger,
)
from scriptqueue.responses import BatchView, DeadList, DeliveryList, JobList, QueueView
from scriptqueue.schemas import DeadJob, Delivery, Job, Scene, Storyboard
from scriptqueue.stream import Event, EventReader

_Model = TypeVar("_Model", bound=BaseModel)
Prompt = str | Mapping[str, Any]
"""What to write: a prompt, or a request with fields of its own."""
Id = UUID | str
Jobs = list[Job]  # within the clients, `list` is a method
DeadJobs = list[DeadJob]
Deliveries = list[Delivery]
OnProgress = Callable[[Job], object]
OnOutcome = Callable[[int, Job | ClientError], object]

LONG_POLL_S = 30  # of one long poll: shorter than what proxies between us and the service usually bear
SILENCE_S = 30.0  # of an event stream, which tells something every 10 s
BATCH_S = 60.0  # a thousand jobs are read and written
PAGE = 100
CONCURRENCY = 16  # requests of one `submit_many` at once
STREAM = "text/event-stream"


@dataclass(frozen=True)
class Seen:
    """A job at one version of its record."""

    job: Job
    etag: str


class Pages:
    """How far a walk through a list has come."""

    def __init__(self, limit: int | None) -> None:
        self.left: float = math.inf if limit is None else limit
        self.cursor: str | None = None

    @property
    def size(self) -> int:
        return int(min(PAGE, self.left))

    def take(self, page: JobList) -> list[Job]:
        jobs = page.jobs[: self.size]
        self.cursor = page.next
        self.left = 0 if page.next is None else self.left - len(jobs)
        return jobs


def submit(
    prompt: Prompt, options: Mapping[str, Any], key: str | None, patience: Patience, when_full: WhenFull = "tell"
) -> Call[Job]:
    """Safe to repeat by its key, which is drawn when none is given."""
    send = _keyed("/jobs", key, _request(prompt, options))
    return model(Job, (yield from accepted(send, patience, when_full)))


def submit_batch(
    prompts: Iterable[Prompt], options: Mapping[str, Any], key: str | None, patience: Patience
) -> Call[BatchView]:
    send = _keyed("/batches", key, {"jobs": [_request(prompt, options) for prompt in prompts]}, timeout_s=BATCH_S)
    return model(BatchView, (yield from accepted(send, patience, "tell")))


def retry(job_id: Id, execution_timeout_s: float | None, key: str | None, patience: Patience) -> Call[Job]:
    query = "" if execution_timeout_s is None else f"?{urlencode({'execution_timeout_s': execution_timeout_s})}"
    return model(Job, (yield from answered(_keyed(f"{_job(job_id)}/retry{query}", key), patience, "tell")))


def get(job_id: Id, patience: Patience) -> Call[Job]:
    return _requested(Job, "GET", _job(job_id), patience)


def result(job_id: Id, patience: Patience) -> Call[Storyboard]:
    return _requested(Storyboard, "GET", f"{_job(job_id)}/result", patience)


def export(of: Literal["jobs", "batches"], id: Id, query: Mapping[str, Any], patience: Patience) -> Call[bytes]:
    given = {name: value for name, value in query.items() if value is not None}
    path = f"/{of}/{_segment(id)}/result?{urlencode(given)}"
    response = yield from answered(Send("GET", path, timeout_s=BATCH_S), patience)
    if "Content-Disposition" not in response.headers:
        raise stranger(response)
    return response.content


def cancel(job_id: Id, patience: Patience) -> Call[Job]:
    return _requested(Job, "POST", f"{_job(job_id)}/cancel", patience)


def delete(job_id: Id, patience: Patience) -> Call[None]:
    """A job that is gone because an earlier try, which got no answer, was carried out is no error."""
    try:
        yield from answered(Send("DELETE", _job(job_id)), patience)
    except Gone as error:
        if not error.unanswered:
            raise


def batch(batch_id: Id, patience: Patience) -> Call[BatchView]:
    return _requested(BatchView, "GET", _batch(batch_id), patience)


def cancel_batch(batch_id: Id, patience: Patience) -> Call[BatchView]:
    return _requested(BatchView, "POST", f"{_batch(batch_id)}/cancel", patience)


def page(status: str | None, fields: Sequence[str] | None, pages: Pages, patience: Patience) -> Call[JobList]:
    """Some of the client's jobs, newest first, from the cursor of the page before."""
    named = ",".join(fields) if fields else None
    wanted = {"status": status, "limit": pages.size, "cursor": pages.cursor, "fields": named}
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    return _requested(JobList, "GET", f"/jobs?{query}", patience)


def queue(patience: Patience) -> Call[QueueView]:
    return _requested(QueueView, "GET", "/queue", patience)


def dead(patience: Patience) -> Call[list[DeadJob]]:
    return list((yield from _requested(DeadList, "GET", "/dead", patience)).jobs)


def requeue(job_id: Id, patience: Patience) -> Call[Job]:
    return _requested(Job, "POST", f"/dead/{_segment(job_id)}/requeue", patience)


def deliveries(job_id: Id, patience: Patience) -> Call[Deliveries]:
    return list((yield from _requested(DeliveryList, "GET", f"{_job(job_id)}/deliveries", patience)).deliveries)


def redeliver(job_id: Id, number: int | None, patience: Patience) -> Call[Deliveries]:
    """That nothing is left to send again because an earlier try, which got no answer, was carried out is no error."""
    query = "" if number is None else f"?{urlencode({'number': number})}"
    try:
        answer = yield from _requested(DeliveryList, "POST", f"{_job(job_id)}/deliveries/redeliver{query}", patience)
    except Conflict as error:
        if not error.unanswered:
            raise
        return (yield from deliveries(job_id, patience))
    return list(answer.deliveries)


def change(job_id: Id, seen: Seen | None, patience: Patience, within_s: float = LONG_POLL_S) -> Call[Seen]:
    """The job as it is now; with `seen`, as soon as it differs from that, or the same after `within_s`."""
    headers, wait_s = {}, 0
    if seen is not None:
        wait_s = max(1, math.ceil(min(within_s, LONG_POLL_S)))
        headers = {"If-None-Match": seen.etag, "Prefer": f"wait={wait_s}"}
    send = Send("GET", _job(job_id), headers, timeout_s=wait_s + RESPONSE_TIMEOUT_S)
    try:
        response = yield from answered(send, patience, "tell")
    except Busy as error:
        if error.code != "too_many_streams":
            raise
        at_once = {name: value for name, value in headers.items() if name != "Prefer"}
        response = yield from answered(replace(send, headers=at_once), patience)  # too many wait: look now and then
    if seen is not None and "Preference-Applied" not in response.headers and not seen.job.done:
        yield Pause(retry_after_s(response) or 1.0)  # somebody between us and the service drops `Prefer`, or we did
    if response.status_code == httpx.codes.NOT_MODIFIED and seen is not None:
        return seen
    return Seen(model(Job, response), response.headers.get("ETag", "none"))


def wait(
    job_id: Id, timeout_s: float | None, on_progress: Callable[[Job], object] | None, patience: Patience
) -> Call[Job]:
    until_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
    seen: Seen | None = None
    while True:
        now = yield from change(job_id, seen, patience, until_s - time.monotonic())
        if on_progress and now is not seen:
            on_progress(now.job)
        seen = now
        if seen.job.done:
            return seen.job
        if timeout_s is not None and time.monotonic() >= until_s:
            raise WaitTimedOut(timeout_s, seen.job)


def stream(job_id: object, following: EventReader, patience: Patience) -> Call[httpx.Response]:
    """The open stream of what comes after the events that are known, or a 204: nothing comes."""
    if following.connections:
        if following.silent_s > patience.seconds:
            raise ServiceUnreachable("the event stream breaks off again and again, and tells nothing between")
        yield Pause(following.pause_s)
    headers = {"Accept": STREAM} | ({"Last-Event-ID": str(following.known)} if following.known else {})
    send = Send("GET", f"{_job(job_id)}/events", headers, timeout_s=SILENCE_S, stream=True)
    response = yield from answered(send, patience, "queue up")
    following.connections += 1
    if response.status_code == httpx.codes.OK and not response.headers.get("Content-Type", "").startswith(STREAM):
        response.close()
        raise stranger(response)
    return response


# -- what both clients make of it --------------------------------------------------------------------------------------


def keys(key: str | None) -> Iterator[str | None]:
    """Idempotency keys for many prompts: none of their own, or one a place."""
    return repeat(None) if key is None else (f"{key}/{place}" for place in count())


def all_accepted(outcomes: list[Job | ClientError]) -> list[Job]:
    jobs = [outcome for outcome in outcomes if isinstance(outcome, Job)]
    if len(jobs) < len(outcomes):
        raise PartlySubmitted(outcomes)
    return jobs


def scene_of(event: Event) -> Scene | None:
    if event.event == "done" and event.data.result is None:
        raise JobUnsuccessful(event.data)
    return event.data if event.event == "scene" else None


# -- how it is sent ----------------------------------------------------------------------------------------------------


def _requested(kind: type[_Model], method: str, path: str, patience: Patience) -> Call[_Model]:
    return model(kind, (yield from answered(Send(method, path), patience)))


def _keyed(path: str, key: str | None, body: Any = None, timeout_s: float = RESPONSE_TIMEOUT_S) -> Send:
    """A POST that may be repeated: the service knows it by its key."""
    key = str(uuid4()) if key is None else key
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"{key!r} is no idempotency key: it must be visible ASCII characters")
    headers = {"Idempotency-Key": key}
    if body is None:
        return Send("POST", path, headers, timeout_s=timeout_s)
    # ASCII, so that half a character in a prompt reaches the service, which says where it stands.
    content = json.dumps(body, default=to_jsonable_python).encode()
    return Send("POST", path, {"Content-Type": "application/json", **headers}, content, timeout_s)


def _request(prompt: Prompt, options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, **({"prompt": prompt} if isinstance(prompt, str) else prompt)}


def _job(job_id: object) -> str:
    return f"/jobs/{_segment(job_id)}"


def _batch(batch_id: object) -> str:
    return f"/batches/{_segment(batch_id)}"


def _segment(text: object) -> str:
    return quote(str(text), safe="")
