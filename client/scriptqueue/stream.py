"""A job's events as a client sees them, typed, and how far it has read them over every connection.

Knows the events' names and data, not connections: calls.py asks for a stream, transport.py reads it.
"""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Literal, get_args

from httpx_sse import ServerSentEvent
from pydantic import Field, TypeAdapter

from scriptqueue.schemas import EventName, Job, Progress, Scene, Shape, Status

EVENT_NAMES: frozenset[EventName] = frozenset(get_args(EventName))


class StatusChange(Shape):
    status: Status
    attempt: int


class StatusEvent(Shape):
    """A new status, or a new attempt."""

    id: int
    event: Literal["status"]
    data: StatusChange


class ProgressEvent(Shape):
    id: int
    event: Literal["progress"]
    data: Progress


class SceneEvent(Shape):
    """A scene is complete; it will not change."""

    id: int
    event: Literal["scene"]
    data: Scene


class DoneEvent(Shape):
    """The job at its end; no event comes after it."""

    id: int
    event: Literal["done"]
    data: Job


Event = StatusEvent | ProgressEvent | SceneEvent | DoneEvent
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


class EventReader:
    """How far the events of one job were read. `after`: the id of the last one that is known; 0: from the start."""

    def __init__(self, after: int = 0) -> None:
        self.known = after
        self.ended = False
        self.connections = 0
        self.pause_s = 1.0  # before a stream that broke off is opened again; the service names it
        self._heard_s = time.monotonic()

    @property
    def silent_s(self) -> float:
        """For how long nothing was told, not even how long to pause."""
        return time.monotonic() - self._heard_s

    def take(self, message: ServerSentEvent) -> Event | None:
        """The next event; None for what is no event of the job, for one that is known and for one of a newer service.
        Raises ValueError for data of another shape."""
        self._heard_s = time.monotonic()
        if message.retry is not None:
            self.pause_s = message.retry / 1000
        if message.event not in EVENT_NAMES or int(message.id) <= self.known:
            return None
        fields: dict[str, Any] = {"id": int(message.id), "event": message.event, "data": json.loads(message.data)}
        event = _EVENT.validate_python(fields, extra="ignore")
        self.known = event.id
        self.ended = event.event == "done"
        return event
