"""What the API shows besides jobs: errors, the queue, health. Shapes only; the client reads them too."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.schemas import Job, Priority, Shape


class Fault(Shape):
    """One thing that is wrong with a request's body."""

    pointer: str = Field(description="JSON Pointer (RFC 6901) into the body; empty: the whole body")
    code: str = Field(examples=["greater_than_equal"])
    detail: str


class JobList(Shape):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next: str | None = Field(
        description="the `cursor` of the next page; null: none. A page may hold fewer than `limit`"
    )


class Problem(Shape):
    """An error (RFC 9457). `type` and `code` are stable; `type` answers a GET with what it means."""

    type: str = Field(examples=["/problems/invalid_request"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["invalid_request"])
    errors: list[Fault] | None = Field(None, description="one entry a fault, for `invalid_request`")


class ProblemType(Shape):
    """The documentation behind a problem's `type`."""

    type: str
    code: str
    title: str
    status: int | None = Field(description="null: told in a job's `error`, never as an answer")


class Worker(Shape):
    """One worker process; `slots` jobs run at once, `busy` of them now."""

    worker: str
    state: Literal["loading", "ready", "draining", "broken"]
    model: str
    device: str
    dtype: str
    slots: int = Field(ge=0)
    busy: int = Field(ge=0)
    tokens_per_s: float = Field(ge=0)


class QueueView(Shape):
    """How full the queue is and who works on it."""

    depth: dict[Priority, int]
    running: int = Field(ge=0)
    workers: list[Worker]
    tokens_per_s: float = Field(ge=0, description="all workers together")
    eta_s: float | None = Field(
        description="seconds until a job of normal priority posted now has its result; null: nothing to measure by"
    )


class Health(Shape):
    status: Literal["ok", "ready"]
