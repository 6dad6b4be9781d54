"""What a client of the service can run into.

Beside the tree of shared/errors.py, for the service never answers with these.
"""

from __future__ import annotations

from collections.abc import Sequence

from api.views import Problem
from shared.schemas import Job


class ClientError(Exception):
    """A call of the client did not succeed."""


class ApiError(ClientError):
    """The service refused, and said why: `problem` as it came, `code` stable, `retry_after_s` when it named a time."""

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        self.problem = problem
        self.code = problem.code
        self.status = problem.status
        self.retry_after_s = retry_after_s
        super().__init__(f"{problem.detail} ({problem.code}, {problem.status})")


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
