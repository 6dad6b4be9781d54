"""A request as it enters the queue: with the service's defaults, and what its prompt says of the fields it leaves out.

Raises what FastAPI would for a request that could never be met. Knows no store.
"""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.http.body import in_the_body
from api.webhooks import fault_of
from scriptqueue.schemas import JobRequest
from shared.board.break_down import unsayable, with_shots_counted
from shared.board.budget import default_tokens
from shared.board.filled import filled
from shared.board.targets.fit import unmet
from shared.settings import Settings


def completed(request: JobRequest, settings: Settings) -> tuple[JobRequest, list[str]]:
    """`resolved` and `filled`."""
    is_given = "max_new_tokens" in request.sampling.model_fields_set
    plain_tokens = None if is_given else settings.generation.max_new_tokens
    return filled(resolved(request, settings), plain_tokens)


def resolved(request: JobRequest, settings: Settings) -> JobRequest:
    """The request with the service's defaults where `sampling` says nothing; raises `RequestValidationError`, also for
    a webhook that could never be delivered, for a script that its limits cannot hold and for targets whose limits no
    board could keep."""
    if request.webhook is not None and (fault := fault_of(request.webhook, settings.webhooks)):
        raise RequestValidationError([fault], body=request.model_dump(mode="json", exclude_unset=True))
    unmeetable = unsayable(request) or unmet(request := with_shots_counted(request))
    if unmeetable:
        field, code, words = unmeetable
        fault = {"type": code, "loc": ("body", field), "msg": words}
        raise RequestValidationError([fault], body=request.model_dump(mode="json", exclude_unset=True))
    requested = request.sampling.model_dump()
    sampling = requested | {
        name: value for name, value in settings.generation if name not in request.sampling.model_fields_set
    }
    if "max_new_tokens" not in request.sampling.model_fields_set:
        sampling["max_new_tokens"] = default_tokens(request, sampling["max_new_tokens"])
    if sampling == requested and request.mode == "write":
        return request
    try:
        return JobRequest.model_validate({**request.model_dump(exclude_unset=True), "sampling": sampling})
    except ValidationError as error:
        raise RequestValidationError(in_the_body(error), body=request.model_dump(exclude_unset=True)) from None
