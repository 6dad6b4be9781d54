"""What a client of the service can run into.

Beside the tree of shared/errors.py, for the service never answers with these.
"""

from __future__ import annotations

from collections.abc import Sequence

from scriptqueue.responses import Problem
from scriptqueue.schemas import Job


class ClientError(Exception):
    """A call of the client did not succeed."""


class ApiError(ClientError):
    """The service refused, and said why: `problem` as it came, `code` stable, `retry_after_s` when it named a time.
    What callers usually tell apart has a type of its own; `unanswered` says that an earlier try of the same call got
    no answer, so that it may have been carried out."""

    def __init__(self, problem: Problem, retry_after_s: float | None = None, *, unanswered: bool = False) -> None:
        self.problem = problem
        self.code = problem.code
        self.status = problem.status
        self.retry_after_s = retry_after_s
        self.unanswered = unanswered
        super().__init__(f"{problem.detail} ({problem.code}, {problem.status})")

    @staticmethod
    def of(problem: Problem, retry_after_s: float | None = None, *, unanswered: bool = False) -> ApiError:
        """The error of the type that belongs to the problem's status."""
        kind = _KINDS.get(problem.status, ApiError)
        return kind(problem, retry_after_s, unanswered=unanswered)


class RequestInvalid(ApiError):
    """The request itself is at fault; `problem.errors` names each field. Repeating it changes nothing."""


class AccessDenied(ApiError):
    """No API key, or not one that the service knows."""


class NotFound(ApiError):
    """No such job or batch of yours."""


class Conflict(ApiError):
    """Not in the state that the job is in: no result, not done, not to be retried."""


class Gone(ApiError):
    """The job was deleted, or kept for as long as it was to be."""


class Busy(ApiError):
    """A quota is spent, the queue is full or the service is away for a moment; `retry_after_s` says for how long."""


_KINDS: dict[int, type[ApiError]] = {
    400: RequestInvalid,
    413: RequestInvalid,
    415: RequestInvalid,
    422: RequestInvalid,
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: Busy,
    503: Busy,
}


class ServiceUnreachable(ClientError):
    """Nothing answers at the address, or not as scriptqueue does."""


class WaitTimedOut(ClientError, TimeoutError):
    """The job was not done in time; `job` is how it was seen last, None when it never was."""

    def __init__(self, timeout_s: float, job: Job | None) -> None:
        self.job = job
        super().__init__(f"not done after {timeout_s:g} s" + (f"; it is {job.status}" if job else ""))


class JobUnsuccessful(ClientError):
    """The job ended without a storyboard."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"the job is {job.status}" + (f": {job.error.detail}" if job.error else ""))


class PartlySubmitted(ClientError):
    """Some of many prompts were not accepted. In their order, `outcomes` holds each job or why there is none."""

    def __init__(self, outcomes: Sequence[Job | ClientError]) -> None:
        self.outcomes = outcomes
        refused = [outcome for outcome in outcomes if isinstance(outcome, ClientError)]
        super().__init__(f"{len(refused)} of {len(outcomes)} prompts were not accepted; the first: {refused[0]}")
