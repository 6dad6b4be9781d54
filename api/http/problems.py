"""Errors as HTTP answers: the one table from error code to status, and `application/problem+json` (RFC 9457).

Nothing else knows a status code of an error. Unknown errors are error_middleware.py's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from api.http.advice import ADVICE
from api.http.validation_errors import faults_of, words_of
from scriptqueue.responses import Fault, Problem, ProblemType
from shared.errors import BatchNotFound, DeadlineTooSoon, Flaky, InvalidRequest, JobNotFound, Refusal, ScriptqueueError
from shared.store.record import TOMBSTONE_S
from shared.url_prefix import reached_at

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 2
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
MAX_FAULTS = 100  # of one answer; `detail` says whether there are more


class NoSuchPath(Refusal):
    """There is nothing at this path."""

    code = "no_such_path"


class MethodNotAllowed(Refusal):
    """This path does not take this method."""

    code = "method_not_allowed"


class NotAcceptable(Refusal):
    """There is no board in any of the media types that are accepted."""

    code = "not_acceptable"


class NotReady(Flaky):
    """No worker is ready."""

    code = "not_ready"


# None: told in the `error` of a job, never as an answer.
STATUS: Mapping[str, int | None] = {
    "invalid_request": 422,
    "idempotency_key_reused": 422,
    "deadline_too_soon": 422,
    "no_such_model": 422,
    "malformed_json": 400,
    "refused": 400,
    "unauthorized": 401,
    "host_refused": 403,
    "origin_refused": 403,
    "not_found": 404,
    "batch_not_found": 404,
    "no_such_path": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "body_too_slow": 408,
    "not_finished": 409,
    "no_result": 409,
    "not_retryable": 409,
    "nothing_to_redeliver": 409,
    "gone": 410,
    "body_too_large": 413,
    "not_json": 415,
    "encoded_body": 415,
    "internal": 500,
    "process": 500,
    "settings_invalid": 500,
    "redis_unfit": 500,
    "model_unavailable": 500,
    "engine_broken": 500,
    "too_fast": 429,
    "too_many_active": 429,
    "too_many_waiting": 429,
    "too_many_streams": 429,
    "queue_full": 503,
    "not_ready": 503,
    "unavailable": 503,
    "store_unavailable": 503,
    "record_newer": 503,
    "download_failed": 503,
    "output_invalid": None,
    "timeout": None,
    "worker_lost": None,
    "out_of_memory": None,
    "not_finite": None,
    "prompt_too_long": None,
}


def type_of(code: str) -> str:
    """The URI of a problem's type; GET answers it (routes/service.py)."""
    return reached_at(f"/problems/{code}")


def answer(
    error: ScriptqueueError, faults: Sequence[Fault] | None = None, store_changed: datetime | None = None
) -> Response:
    """The error as a response."""
    status = STATUS[error.code] or 500
    problem = Problem(
        type=type_of(error.code),
        title=type(error).title(),
        status=status,
        detail=error.detail,
        code=error.code,
        errors=list(faults) if faults is not None else None,
        store_changed=store_changed,
        earliest_start=error.earliest_start if isinstance(error, DeadlineTooSoon) else None,
    )
    headers = {"Cache-Control": "no-store"} | {header: value for header, (value, _) in headers_of(status).items()}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return Response(
        problem.model_dump_json(exclude_none=True),
        status,
        headers=headers,
        media_type=PROBLEM_JSON,
    )


def headers_of(status: int) -> dict[str, tuple[str, str]]:
    """The headers that an error of this status carries: value and meaning."""
    if status == 415:
        return {
            "Accept": ("application/json", "the type of a body"),
            "Accept-Encoding": ("identity", "the only content coding of a body"),
        }
    if status == 408:
        return {"Connection": ("close", "the rest of the body is not waited for")}
    if status == 401:
        return {"WWW-Authenticate": ("Bearer", "how to authenticate")}
    if status in {429, 503}:
        return {"Retry-After": (str(RETRY_AFTER_S), "seconds until another try is worth while")}
    return {}


def catalogue() -> dict[str, ProblemType]:
    """Every problem by its code. A code that is inherited is told as its first owner's."""
    return {
        error.code: ProblemType(
            type=type_of(error.code),
            code=error.code,
            title=error.title(),
            status=STATUS[error.code],
            advice=ADVICE[error.code].en,
        )
        for error in _from_the_leaves(ScriptqueueError)
    }


# -- what Starlette and FastAPI call ----------------------------------------------------------------------------------


async def on_error(request: Request, error: ScriptqueueError) -> Response:
    if isinstance(error, JobNotFound | BatchNotFound):
        began, changed = await request.app.state.parts.submissions.changed_at()
        if began and _is_recent(began):
            words = f"what was accepted before {_second(began)} is not in this store: it began then"
            return answer(type(error)(f"{error.detail}; {words}"), store_changed=changed or began)
        if changed and _is_recent(changed):
            words = f"what was accepted shortly before {_second(changed)} may be lost: Redis changed then"
            return answer(type(error)(f"{error.detail}; {words}"), store_changed=changed)
    return answer(error)


def _is_recent(time: datetime) -> bool:
    return datetime.now(UTC) - time < timedelta(seconds=TOMBSTONE_S)


def _second(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


async def on_invalid(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    wanted = getattr(request.scope.get("route"), "body_field", None)
    faults = faults_of(found[:MAX_FAULTS], error.body, wanted and wanted.field_info.annotation)
    words = "; ".join(words_of(fault) for fault in faults[:3])
    if len(found) > MAX_FAULTS:  # nobody counts them: a batch is not read on
        words += f"; more than {MAX_FAULTS} faults, of which these are the first"
    elif len(found) > 3:
        words += f"; {len(found)} faults in all"
    return answer(InvalidRequest(words), faults)


async def on_http(request: Request, error: HTTPException) -> Response:
    """Starlette's own refusals: an unknown path, a wrong method."""
    known: dict[int, type[Refusal]] = {404: NoSuchPath, 405: MethodNotAllowed}
    response = answer(known.get(error.status_code, Refusal)())
    response.headers.update(error.headers or {})
    if error.status_code == 405:  # Starlette names the methods of one route, and a path may have several
        response.headers["Allow"] = ", ".join(_methods_at(request))
    return response


def _methods_at(request: Request) -> list[str]:
    routes: list[BaseRoute] = request.app.routes
    scopes = {method: {**request.scope, "method": "GET" if method == "HEAD" else method} for method in METHODS}
    return [
        method for method, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)
    ]


HANDLERS: dict[Any, Any] = {ScriptqueueError: on_error, RequestValidationError: on_invalid, HTTPException: on_http}


def _from_the_leaves(error: type[ScriptqueueError]) -> Iterator[type[ScriptqueueError]]:
    for child in error.__subclasses__():
        yield from _from_the_leaves(child)
    yield error
