"""What a job's clients are told, event by event, from the stream that every script appends to.

Knows records and one script; not server-sent events, and not how to wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from scriptqueue.schemas import EventName, Job
from shared.store.connection import Store
from shared.store.record import job_of, known_to
from shared.store.replication import Replication


@dataclass(frozen=True)
class LoggedEvent:
    """`data` is JSON. Numbers grow by one, except where a later progress took the place of an earlier one."""

    number: int
    name: EventName
    data: str


@dataclass(frozen=True)
class News:
    """`done`: nothing comes after these events."""

    events: tuple[LoggedEvent, ...]
    done: bool


class EventLog:
    """Raises `StoreUnavailable` when Redis does not answer in time."""

    def __init__(self, store: Store, replication: Replication) -> None:
        self._store = store
        self._replication = replication

    async def after(self, job_id: str, client: str, number: int) -> News:
        """Events after one that is known; 0: from the start. Raises `JobNotFound` and `JobGone` as a read does."""
        answer, found, entries = await self._store.call("events", id=job_id, number=number)
        job = job_of(job_id, known_to(client, answer, found), None)
        if job.done:
            job = await self._replication.of_job(job)
        events = tuple(_event(number, pair, job) for number, pair in entries)
        return News(events, job.done and (not events or events[-1].name == "done"))


def _event(number: str, pair: list[str], job: Job) -> LoggedEvent:
    """A scene is told as it stands in the record: once published it does not change."""
    name, value = pair
    data: Any = value
    if name == "scene":
        data = job.scenes[int(value) - 1].model_dump_json()
    elif name == "done":
        data = job.model_dump_json()
    return LoggedEvent(int(number.partition("-")[0]), cast(EventName, name), data)
