"""What a client says to the service and how it understands the answers, without a socket or a clock to sleep on.

A conversation is a generator: it yields what to send or how long to pause, is sent the answer, and returns what the
caller asked for. The sync and the async client (api/client.py) only carry its steps out, so they cannot differ.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from api.client_errors import ApiError, ServiceUnreachable, WaitTimedOut
from api.views import JobList, Problem, QueueView
from shared.schemas import Job

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

POLL_S = 30  # of one long poll: shorter than what proxies between us and the service usually bear
ANSWER_S = 10.0  # how long an answer may take beyond what it was asked to wait
FIRST_PATIENCE_S = 3.0  # before the service ever answered: the address is probably wrong
PATIENCE_S = 60.0  # afterwards: a restart, a lost network
PASSING = frozenset({429, 502, 503, 504})
MAX_PAUSE_S = 5.0
PAGE = 100


@dataclass(frozen=True)
class Send:
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = ANSWER_S


@dataclass(frozen=True)
class Pause:
    seconds: float


Answer = httpx.Response | httpx.TransportError | None
Conversation = Generator[Send | Pause, Answer, T]


@dataclass
class Patience:
    """How long one client bears a service that does not answer; it remembers whether it ever did."""

    first_s: float = FIRST_PATIENCE_S
    later_s: float = PATIENCE_S
    reached: bool = False

    @property
    def seconds(self) -> float:
        return self.later_s if self.reached else self.first_s


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


# -- what there is to say ---------------------------------------------------------------------------------------------


def submit(
    prompt: str, options: Mapping[str, Any], patience: Patience, *, queues_up: bool = False
) -> Conversation[Job]:
    """Safe to repeat by its key. `queues_up`: a full queue or a quota is waited out too, not told at once."""
    # ASCII, so that half a character in the prompt reaches the service, which says where it stands.
    body = json.dumps({"prompt": prompt, **options}, default=to_jsonable_python).encode()
    send = Send("POST", "/jobs", {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}, body)
    return _model(Job, (yield from _answer(send, patience, bears=_anything if queues_up else _not_full)))


def get(job_id: UUID | str, patience: Patience) -> Conversation[Job]:
    return _model(Job, (yield from _answer(Send("GET", _job(job_id)), patience)))


def cancel(job_id: UUID | str, patience: Patience) -> Conversation[Job]:
    return _model(Job, (yield from _answer(Send("POST", f"{_job(job_id)}/cancel"), patience)))


def page(status: str | None, limit: int, cursor: str | None, patience: Patience) -> Conversation[JobList]:
    """Some of the client's jobs, newest first, from the cursor of the page before."""
    wanted = {"status": status, "limit": limit, "cursor": cursor}
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    return _model(JobList, (yield from _answer(Send("GET", f"/jobs?{query}"), patience)))


def queue(patience: Patience) -> Conversation[QueueView]:
    return _model(QueueView, (yield from _answer(Send("GET", "/queue"), patience)))


def change(job_id: UUID | str, seen: Seen | None, patience: Patience, within_s: float = POLL_S) -> Conversation[Seen]:
    """The job as it is now; with `seen`, as soon as it differs from that, or the same after `within_s`."""
    headers, wait_s = {}, 0
    if seen is not None:
        wait_s = max(1, math.ceil(min(within_s, POLL_S)))
        headers = {"If-None-Match": seen.etag, "Prefer": f"wait={wait_s}"}
    response = yield from _answer(Send("GET", _job(job_id), headers, timeout_s=wait_s + ANSWER_S), patience)
    if seen is not None and "Preference-Applied" not in response.headers and not seen.job.done:
        yield Pause(_retry_after_s(response) or 1.0)  # somebody between us and the service drops `Prefer`
    if response.status_code == 304 and seen is not None:
        return seen
    return Seen(_model(Job, response), response.headers.get("ETag", "none"))


def wait(
    job_id: UUID | str, timeout_s: float | None, on_progress: Callable[[Job], object] | None, patience: Patience
) -> Conversation[Job]:
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


# -- how it is said and understood ------------------------------------------------------------------------------------


def _anything(_: httpx.Response) -> bool:
    return True


def _not_full(response: httpx.Response) -> bool:
    return response.status_code != 429 and _problem(response).code != "queue_full"


def _answer(
    send: Send, patience: Patience, bears: Callable[[httpx.Response], bool] = _anything
) -> Conversation[httpx.Response]:
    """An answer below 400. What passes (no connection, 429, 502 to 504) is tried again for as long as the patience
    lasts, after the time that the service names; raises `ApiError` and `ServiceUnreachable`."""
    failing_since_s: float | None = None
    pause_s = 0.2
    while True:
        answer = yield send
        now_s = time.monotonic()
        failing_since_s = failing_since_s or now_s
        if isinstance(answer, httpx.Response):
            patience.reached = True
            if answer.status_code < 400:
                return answer
            failure: ApiError | ServiceUnreachable = ApiError(_problem(answer), _retry_after_s(answer))
            pause_s = _retry_after_s(answer) or pause_s
        else:
            assert answer is not None, "only a pause is answered with nothing"
            failure = ServiceUnreachable(
                f"no answer from {answer.request.url.copy_with(raw_path=b'/')} ({type(answer).__name__}: {answer})"
            )
        passes = not isinstance(answer, httpx.Response) or (answer.status_code in PASSING and bears(answer))
        if not passes or now_s + pause_s - failing_since_s > patience.seconds:
            raise failure
        yield Pause(pause_s)
        pause_s = min(MAX_PAUSE_S, pause_s * 2)


def _model(model: type[M], response: httpx.Response) -> M:
    """A field that a newer service added is no reason to fail."""
    try:
        return model.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        raise ServiceUnreachable(f"{response.url.host} answers, but not as scriptqueue does") from None


def _problem(response: httpx.Response) -> Problem:
    try:
        return Problem.model_validate_json(response.content, extra="ignore")
    except ValidationError:  # not the service but something before it
        reason = response.reason_phrase or "error"
        status = response.status_code
        return Problem(type="about:blank", title=reason, status=status, detail=reason, code=f"http_{status}")


def _retry_after_s(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _job(job_id: UUID | str) -> str:
    return f"/jobs/{quote(str(job_id), safe='')}"
