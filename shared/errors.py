"""Every error the product raises on purpose, in one tree.

Three fates: a `JobError` is the job's own (stored on it, told to its caller, never retried by us); a `Flaky` is the
world's (retried with backoff); a `ProcessError` ends the process, whose jobs run elsewhere. A `Refusal` is bad input,
answered before anything is queued. `code` is stable; the docstring's first line is the title and the default message.
HTTP status codes are not here: api/http/problems.py alone knows them.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar


class ScriptqueueError(Exception):
    """Something went wrong inside scriptqueue."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str | None = None, *, retry_after_s: float | None = None) -> None:
        self.detail = detail or type(self).title()
        self.retry_after_s = retry_after_s
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """The first line of the docstring, without its full stop."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")


# -- the job is wrong -------------------------------------------------------------------------------------------------


class JobError(ScriptqueueError):
    """The job failed inside the service."""

    retryable: ClassVar[bool] = False


class InternalError(JobError):
    """The job met a fault of the service itself."""

    code = "internal"
    retryable = True


class OutputInvalid(JobError):
    """The model's text holds no storyboard that can be mended."""

    code = "output_invalid"
    retryable = True


class ExecutionTimeout(JobError):
    """The job ran longer than its execution timeout."""

    code = "timeout"
    retryable = True


class WorkerLost(JobError):
    """The worker process ended too often while running this job."""

    code = "worker_lost"


class OutOfMemory(JobError):
    """The device ran out of memory on this job, even alone."""

    code = "out_of_memory"


class NotFinite(JobError):
    """The model's scores for this job were not finite numbers."""

    code = "not_finite"
    retryable = True


class PromptTooLong(JobError):
    """The prompt and its token budget do not fit the model's context."""

    code = "prompt_too_long"


JOB_ERRORS: tuple[type[JobError], ...] = (
    InternalError,
    OutputInvalid,
    ExecutionTimeout,
    WorkerLost,
    OutOfMemory,
    NotFinite,
    PromptTooLong,
)


# -- the request is refused -------------------------------------------------------------------------------------------


class Refusal(ScriptqueueError):
    """The request cannot be accepted."""

    code = "refused"


class InvalidRequest(Refusal):
    """A field of the request is not valid."""

    code = "invalid_request"


class MalformedJson(Refusal):
    """The body is not well-formed JSON."""

    code = "malformed_json"


class NotJson(Refusal):
    """The body must be sent as application/json."""

    code = "not_json"


class EncodedBody(Refusal):
    """The body must be sent as it is, in no content coding."""

    code = "encoded_body"


class BodyTooLarge(Refusal):
    """The body is larger than this endpoint takes."""

    code = "body_too_large"


class BodyTooSlow(Refusal):
    """The body came too slowly."""

    code = "body_too_slow"


class Unauthorized(Refusal):
    """A valid API key is needed."""

    code = "unauthorized"


class HostRefused(Refusal):
    """This service is not known by that name."""

    code = "host_refused"


class OriginRefused(Refusal):
    """A page of another site may change nothing here."""

    code = "origin_refused"


class JobNotFound(Refusal):
    """No such job."""

    code = "not_found"


class JobGone(Refusal):
    """The job's result is past its lifetime or was deleted."""

    code = "gone"


class JobNotFinished(Refusal):
    """The job has not finished yet."""

    code = "not_finished"


class NoResult(Refusal):
    """The job ended without a storyboard."""

    code = "no_result"


class KeyReused(Refusal):
    """The idempotency key was sent before with another body."""

    code = "idempotency_key_reused"


class NotRetryable(Refusal):
    """Only a job that failed, was canceled or expired can be tried again."""

    code = "not_retryable"


class NothingToRedeliver(Refusal):
    """No delivery of this job has failed, or it has no event of that number."""

    code = "nothing_to_redeliver"


class BatchNotFound(JobNotFound):
    """No such batch."""

    code = "batch_not_found"


class DeadlineTooSoon(Refusal):
    """The deadline passes before the job could start."""

    code = "deadline_too_soon"

    def __init__(self, earliest_start: datetime, where: str = "") -> None:
        self.earliest_start = earliest_start
        super().__init__(f"{where}/deadline: the job could start at {earliest_start.isoformat()} at the earliest")


class NoSuchModel(Refusal):
    """No worker has served the model that the job names within the last hour."""

    code = "no_such_model"


class TooFast(Refusal):
    """You have sent more new jobs than your rate allows."""

    code = "too_fast"


class TooManyActive(Refusal):
    """You have as many jobs waiting and running as you may."""

    code = "too_many_active"


class TooManyWaiting(Refusal):
    """You have as many jobs waiting as the queue has places left for others."""

    code = "too_many_waiting"


class TooManyStreams(Refusal):
    """You have as many event streams and long polls open as you may."""

    code = "too_many_streams"


class QueueFull(Refusal):
    """The queue is full."""

    code = "queue_full"


# -- the world is flaky -----------------------------------------------------------------------------------------------


class Flaky(ScriptqueueError):
    """Something outside did not answer; trying again may help."""

    code = "unavailable"


class StoreUnavailable(Flaky):
    """Redis does not answer or refuses writes."""

    code = "store_unavailable"


class RecordNewer(Flaky):
    """The job was written by a newer version of the service, which alone can tell of it."""

    code = "record_newer"


class DownloadFailed(Flaky):
    """A download did not complete."""

    code = "download_failed"


# -- the process is wrong ---------------------------------------------------------------------------------------------


class ProcessError(ScriptqueueError):
    """The process cannot go on."""

    code = "process"


class SettingsInvalid(ProcessError):
    """The settings are not valid."""

    code = "settings_invalid"


class RedisUnfit(ProcessError):
    """This Redis cannot be trusted with jobs."""

    code = "redis_unfit"


class ModelUnavailable(ProcessError):
    """The model cannot be loaded."""

    code = "model_unavailable"


class EngineBroken(ProcessError):
    """The engine's thread met an error it cannot recover from."""

    code = "engine_broken"
