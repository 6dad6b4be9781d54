"""What the API shows besides jobs: errors, the queue, health. Shapes only; the client reads them too."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field, JsonValue

from scriptqueue.schemas import (
    DeadJob,
    Delivery,
    Durability,
    Job,
    Priority,
    RepairCode,
    Shape,
    Status,
    Storyboard,
    WorkerPhase,
    optional,
)


class Fault(Shape):
    """One thing that is wrong with a request's body, or with a parameter of its query: then `detail` says so."""

    pointer: str = Field(description="JSON Pointer (RFC 6901) into the body or the query; empty: the whole body")
    code: str = Field(examples=["greater_than_equal"])
    detail: str
    values: dict[str, JsonValue] | None = optional("what `detail` speaks of, for programs that say it otherwise")


class JobList(Shape):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next: str | None = Field(
        description="the `cursor` of the next page; null: none. A page may hold fewer than `limit`"
    )
    counts: dict[Status, int] | None = Field(
        None, description="with `counts=true`: how many of your newest 10,000 jobs are in each state; none is left out"
    )


class TakeList(Shape):
    """Jobs that start from one another's boards, the oldest first."""

    takes: list[Job]


class CheckedStoryboard(Shape):
    """A board as it is valid."""

    storyboard: Storyboard
    mended: bool = Field(description="false: it was valid as it came, and the `repairs` only tell what may be changed")
    repairs: list[str] = Field(description="what was mended, and what a reader may want to change")
    repair_codes: list[RepairCode] = Field(description="of each of the `repairs`, in their order")


class BatchCounts(Shape):
    """How many jobs of a batch are in each status; `gone`: deleted or past their lifetime."""

    queued: int = 0
    running: int = 0
    canceling: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    expired: int = 0
    gone: int = 0


class BatchUrls(Shape):
    self: str
    cancel: str


class BatchView(Shape):
    """Jobs that were sent together; `jobs` are their ids in the order of the request."""

    id: UUID
    created_at: datetime
    done: bool
    total: int
    counts: BatchCounts
    jobs: list[UUID]
    durability: Durability | None = Field(None, description="as a job's")
    urls: BatchUrls


class DeadList(Shape):
    jobs: tuple[DeadJob, ...]


class DeliveryList(Shape):
    deliveries: tuple[Delivery, ...]


class Problem(Shape):
    """An error (RFC 9457). `type` and `code` are stable; `type` answers a GET with what it means."""

    type: str = Field(examples=["/problems/invalid_request"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["invalid_request"])
    errors: list[Fault] | None = Field(None, description="one entry a fault, for `invalid_request`")
    earliest_start: datetime | None = Field(None, description="for `deadline_too_soon`: an estimate")
    store_changed: datetime | None = Field(
        None,
        description="for a 404: when Redis began empty, was started anew or failed over; what was accepted before "
        "may be lost, what was accepted later never was",
    )


class ProblemType(Shape):
    """The documentation behind a problem's `type`."""

    type: str
    code: str
    title: str
    status: int | None = Field(description="null: told in a job's `error`, never as an answer")
    advice: str = Field(description="what to do about it")


class Worker(Shape):
    """One worker process; `slots` jobs run at once, `busy` of them now."""

    worker: str
    state: WorkerPhase
    model: str
    device: str
    dtype: str
    slots: int = Field(ge=0)
    busy: int = Field(ge=0)
    tokens_per_s: float = Field(ge=0)
    batching: str = Field(
        "", description="which decode loop writes; empty: there is no model", examples=["transformers"]
    )
    attention: str = Field("", description="which attention the model runs; empty the same", examples=["torch_varlen"])


class MinuteView(Shape):
    """What ended in one minute, of all clients together."""

    minute: datetime = Field(description="its beginning")
    succeeded: int = Field(ge=0)
    failed: int = Field(ge=0)
    canceled: int = Field(ge=0)
    expired: int = Field(ge=0)
    cached: int = Field(ge=0, description="of those that succeeded: answered by another job's result")


class QueueView(Shape):
    """How full the queue is and who works on it."""

    depth: dict[Priority, int]
    running: int = Field(ge=0)
    workers: list[Worker]
    tokens_per_s: float = Field(ge=0, description="all workers together")
    unserved: dict[str, int] = Field(
        default_factory=dict, description="models that waiting jobs name and no worker serves now, and how many wait"
    )
    webhook_senders: int = Field(ge=0, description="processes that send webhooks; while there is none, they wait")
    failures_last_hour: dict[str, int] = Field(
        default_factory=dict, description="jobs that failed, by the code of their error; of all clients together"
    )
    last_hour: list[MinuteView] = Field(
        default_factory=list, description="the minutes in which jobs ended, the oldest first"
    )
    eta_s: float | None = Field(
        description="seconds until a job of normal priority posted now has its result; null: nothing to measure by"
    )


class Health(Shape):
    status: Literal["ok", "ready"]


class TargetLimits(Shape):
    """What a video model takes; what it sets no limit to is absent. A word is one of a script with blanks between
    words, or a character of one without."""

    shot_s: list[int] | None = optional("the only seconds that a shot may last")
    usual_shot_s: int | None = optional("a longer shot is made in parts, or worse")
    call_s: tuple[int, int] | None = optional("the fewest and the most seconds of one call")
    call_shots: int | None = optional("the most shots of one call")
    call_characters: int | None = optional("the most characters of all prompts of one call")
    least_words: int | None = optional("of a prompt")
    most_words: int | None = optional("of a prompt")
    references: dict[str, int] | None = optional("the most of each kind that one call takes")


class TargetView(Shape):
    """A video model that `targets` of a request may name."""

    name: str
    limits: TargetLimits
    negative_prompt: str | None = Field(description="to send beside each prompt; null: it takes none")
    source: str = Field(description="where the limits were read")
    read_on: str = Field(description="in which month")
    sure: bool = Field(description="false: read on others' pages than the vendor's own")


class TargetList(Shape):
    """All video models that prompts can be written for."""

    targets: list[TargetView]
