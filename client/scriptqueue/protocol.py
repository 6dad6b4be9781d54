"""One request and its answer as a client sees them: what is sent, how long silence and a full queue are borne, and how
an answer is read. Without a socket or a clock to sleep on: a conversation is a generator that yields what to send or
how long to pause, is sent the answer, and returns what the caller asked for (transport.py carries it out).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from scriptqueue.errors import ApiError, ClientError, RequestInvalid, ServiceUnreachable
from scriptqueue.responses import Problem
from scriptqueue.version import VERSION

_T = TypeVar("_T")
_Model = TypeVar("_Model", bound=BaseModel)

RESPONSE_TIMEOUT_S = 10.0  # how long an answer may take beyond what it was asked to wait
FIRST_PATIENCE_S = 3.0  # before the service ever answered: the address is probably wrong
LATER_PATIENCE_S = 60.0  # afterwards: a restart, a lost network
PASSING = frozenset({429, 502, 503, 504})
FULL = frozenset({"queue_full", "too_many_streams"})
MAX_RETRY_PAUSE_S = 5.0
NO_SUCH_PATH = "no_such_path"
UNKNOWN_FIELD = "extra_forbidden"
_NAMED = frozenset({404, 410})  # what is not there is told with its name
_NOWHERE = frozenset({400, 404, 405, 501})  # without a problem's JSON: another server's words for "not here"

WhenFull = Literal["bear", "tell", "queue up"]
"""What a full queue or a spent quota is to a caller: to be borne as a restart is; to be told at once where it may last
(`FULL`); to be waited out for as long as the service names it."""


@dataclass(frozen=True)
class Send:
    """`stream`: the answer is handed over while its body still comes."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = RESPONSE_TIMEOUT_S
    stream: bool = False


@dataclass(frozen=True)
class Pause:
    seconds: float


Answer = httpx.Response | httpx.TransportError | None
Call = Generator[Send | Pause, Answer, _T]

OnTrouble = Callable[[ClientError], object]


def unheard(_: ClientError) -> None:
    """Nobody wants to know."""


@dataclass
class Patience:
    """How long one client bears a service that does not answer; it remembers whether it ever did."""

    first_s: float = FIRST_PATIENCE_S
    later_s: float = LATER_PATIENCE_S
    reached: bool = False
    on_trouble: OnTrouble = unheard  # called with why a call is tried again, once a call

    @property
    def seconds(self) -> float:
        return self.later_s if self.reached else self.first_s


def answered(send: Send, patience: Patience, when_full: WhenFull = "bear") -> Call[httpx.Response]:
    """An answer below 400. What passes (no connection, 429, 502 to 504) is tried again for as long as the patience
    lasts, after the time that the service names; raises `ApiError` and `ServiceUnreachable`."""
    failing_since_s: float | None = None
    pause_s = 0.2
    unanswered = False
    while True:
        answer = yield send
        now_s = time.monotonic()
        failing_since_s = failing_since_s or now_s
        failure: ApiError | ServiceUnreachable
        queues = False
        if isinstance(answer, httpx.Response):
            patience.reached = True
            if answer.status_code < 400:
                return answer
            failure = _refusal(answer, send.path, unanswered=unanswered)
            passes = failure.status in PASSING and not (failure.code in FULL and when_full == "tell")
            queues = when_full == "queue up" and (failure.status == 429 or failure.code == "queue_full")
            pause_s = failure.retry_after_s or pause_s
        else:
            assert answer is not None, "only a pause is answered with nothing"
            failure, passes, unanswered = _silence(answer), True, True
        if not passes or (not queues and now_s + pause_s - failing_since_s > patience.seconds):
            raise failure
        if failing_since_s == now_s:
            patience.on_trouble(failure)
        yield Pause(pause_s)
        pause_s = min(MAX_RETRY_PAUSE_S, pause_s * 2)
        failing_since_s = None if queues else failing_since_s


def accepted(send: Send, patience: Patience, when_full: WhenFull) -> Call[httpx.Response]:
    """As `answered`. Where the service does not know a field and is of another version, that is told: one is older."""
    try:
        return (yield from answered(send, patience, when_full))
    except RequestInvalid as error:
        if not any(fault.code == UNKNOWN_FIELD for fault in error.problem.errors or ()):
            raise
        service = yield from _version(patience)
        if service in {"", VERSION}:
            raise
        detail = f"{error.problem.detail}: the service is version {service}, this client {VERSION}"
        raise ApiError.of(error.problem.model_copy(update={"detail": detail}), unanswered=error.unanswered) from None


def _version(patience: Patience) -> Call[str]:
    """The service's, as its description has it; empty where it tells none."""
    try:
        described = (yield from answered(Send("GET", "/openapi.json"), patience)).json()
        return str(described["info"]["version"])
    except (ClientError, ValueError, LookupError, TypeError):
        return ""


def model(kind: type[_Model], response: httpx.Response) -> _Model:
    """A field that a newer service added is no reason to fail."""
    try:
        return kind.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        raise stranger(response) from None


def stranger(response: httpx.Response) -> ServiceUnreachable:
    url = response.url.copy_with(query=None)
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return ServiceUnreachable(f"{url} answers {status}, but not as scriptqueue does: is the address right?")


def retry_after_s(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _silence(error: httpx.TransportError) -> ServiceUnreachable:
    where = error.request.url.copy_with(raw_path=b"/")
    return ServiceUnreachable(f"no answer from {where} ({type(error).__name__}: {error})")


def _refusal(response: httpx.Response, path: str, *, unanswered: bool) -> ApiError:
    """Raises `ServiceUnreachable` where nothing of the service can have answered so."""
    try:
        problem = Problem.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        status, reason = response.status_code, response.reason_phrase or "error"
        if status in _NOWHERE:
            raise stranger(response) from None
        # Something before the service: a proxy that wants a login, or whose server is away.
        problem = Problem(type="about:blank", title=reason, status=status, detail=reason, code=f"http_{status}")
    if problem.status in _NAMED:
        where = f"{response.url}; is the address right?" if problem.code == NO_SUCH_PATH else path
        problem = problem.model_copy(update={"detail": f"{problem.detail}: {where}"})
    return ApiError.of(problem, retry_after_s(response), unanswered=unanswered)
