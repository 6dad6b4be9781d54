"""What enters the queue: a request with the seed of all its attempts, and the key that keeps a repeated POST from
entering twice.

Knows the arguments of lua/submit.lua; not Redis.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from itertools import repeat
from typing import Any

from scriptqueue.schemas import DECIDING_LATER, JobRequest, Status, Storyboard
from shared import traces
from shared.errors import NotRetryable
from shared.eta import cost_of
from shared.rings import Ring, lane_model
from shared.store.dedup_key import dedup_key
from shared.store.record import TOMBSTONE_S

_RETRIED = frozenset({status for status in Status if status.done} - {Status.SUCCEEDED})


@dataclass(frozen=True)
class Once:
    """An idempotency key and the fingerprint of what was sent with it; no key: every POST is a new one."""

    key: str = ""
    fingerprint: str = ""


NO_KEY = Once()


@dataclass(frozen=True)
class Done:
    """A board that was edited, and what a reader may want to change of it."""

    board: Storyboard
    repairs: Sequence[str] = ()


@dataclass(frozen=True)
class NewJob:
    """One job on its way in."""

    request: JobRequest
    seed: int
    retry_of: str | None = None
    notes: tuple[str, ...] = ()  # on how the request was read
    done: Done | None = None  # nothing is to be written
    job_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @cached_property
    def text(self) -> str:
        # A field at its default is left out that an older worker would refuse as unknown.
        return self.request.model_dump_json(exclude=_unused(self.request))

    @cached_property
    def dedup_key(self) -> str:
        return dedup_key(self.request)

    @property
    def model(self) -> str:
        return lane_model(self.request.model)

    @property
    def ring(self) -> Ring:
        return Ring(self.job_id, self.request.priority, self.model)

    @property
    def cost(self) -> int:
        return cost_of(self.request)

    @property
    def kept_s(self) -> float:
        """Longest time from now until its tombstone ends, if it starts once and on time."""
        limits = self.request
        return limits.queue_timeout_s + limits.execution_timeout_s + limits.result_ttl_s + TOMBSTONE_S

    def record(self, created_ms: int) -> dict[str, str]:
        """What lua/submit.lua has just written of a job that is new in the queue, as far as clients see it."""
        fields = {"status": "queued", "created": str(created_ms), "attempt": "0", "priority": self.request.priority}
        further = {"retry_of": self.retry_of, "notes": self._notes_text}
        return fields | {"request": self.text} | {name: value for name, value in further.items() if value}

    @property
    def _notes_text(self) -> str | None:
        return json.dumps(self.notes, ensure_ascii=False) if self.notes else None

    def arguments(self, starts_in_s: float) -> dict[str, Any]:
        """One of the `jobs` of lua/submit.lua."""
        request = self.request
        return {
            "id": self.job_id,
            "request": self.text,
            "priority": request.priority,
            "result_ttl_s": request.result_ttl_s,
            "queue_timeout_ms": int(request.queue_timeout_s * 1000),
            "deadline_ms": 0 if request.deadline is None else max(1, int(request.deadline.timestamp() * 1000)),
            "retry_of": self.retry_of,
            "seed": self.seed,
            "dedup_key": self.dedup_key,
            "execution_timeout_ms": int(request.execution_timeout_s * 1000),
            "cost": self.cost,
            "rows": self.request.candidates,
            "starts_in_ms": int(starts_in_s * 1000),
            "webhook": request.webhook.model_dump_json() if request.webhook else None,
            "trace": traces.current(),
            "notes": self._notes_text,
            "base_of": str(request.base.job) if request.base and request.base.job else None,
            "model": self.model,
            "result": self.done.board.model_dump_json() if self.done else None,
            "repairs": json.dumps(list(self.done.repairs), ensure_ascii=False) if self.done else None,
        }


def new_job_of(
    request: JobRequest, retry_of: str | None = None, notes: Sequence[str] = (), done: Done | None = None
) -> NewJob:
    """A seed that was left open is drawn here, so that every attempt uses the same."""
    seed = request.sampling.seed
    return NewJob(request, secrets.randbits(53) if seed is None else seed, retry_of, tuple(notes), done)


def new_jobs_of(requests: Sequence[JobRequest], notes: Sequence[Sequence[str]] = ()) -> list[NewJob]:
    """Many at once, with what takes its time of each: for a thread. `notes`: of each in their order, or none at all."""
    each = zip(requests, notes or repeat(()), strict=bool(notes))
    entries = [new_job_of(request, notes=own) for request, own in each]
    for entry in entries:
        _ = entry.text, entry.dedup_key
    return entries


def again(record: dict[str, str]) -> tuple[JobRequest, list[str]]:
    """The request of a job that ended without a result, with the notes on it, for one more try; raises `NotRetryable`.
    A seed that was drawn is drawn anew, for it is no part of the request: the old one would write the same text."""
    if record["status"] not in _RETRIED:
        raise NotRetryable(f"The job is {record['status']}")
    request = JobRequest.model_validate_json(record["request"])
    if request.deadline is not None and request.deadline <= datetime.now(UTC):
        raise NotRetryable("The job's deadline has passed: post it again with another")
    return request, json.loads(record.get("notes", "[]"))


def fingerprint(kind: str, requests: Iterable[JobRequest]) -> str:
    """What was asked for, in one canonical form: neither the order of keys nor a default that is spelt out matters.
    What `sampling` leaves out stays out, so that new settings of the service make no repeated POST another one."""
    digest = sha256(f"[{json.dumps(kind)}, [".encode())
    for number, request in enumerate(requests):  # one by one: the text of a whole batch would keep others waiting
        body = request.model_dump(mode="json", exclude=_unused(request))
        body |= {"sampling": request.sampling.model_dump(exclude_unset=True)}
        digest.update((", " if number else "").encode() + json.dumps(body, sort_keys=True).encode())
    digest.update(b"]]")
    return digest.hexdigest()


# Fields that older workers do not know, and their defaults.
_LATER = {name: JobRequest.model_fields[name].default for name in ("read_prompt", *DECIDING_LATER)}


def _unused(request: JobRequest) -> set[str]:
    """Fields of later versions at their defaults: with or without them it is the same request."""
    return {name for name, default in _LATER.items() if getattr(request, name) == default}
