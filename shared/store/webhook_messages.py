"""What a webhook's receiver is sent: a type, a time, and data, as Standard Webhooks has it.

Knows records; not how a message is signed or sent.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from scriptqueue.schemas import Job, Scene, Shape, Status, WebhookEvent
from shared.store.record import job_of


class StatusNews(Shape):
    id: UUID
    status: Status
    attempt: int
    metadata: dict[str, JsonValue]


class SceneNews(Shape):
    id: UUID
    scene: Scene
    metadata: dict[str, JsonValue]


class StatusMessage(Shape):
    """A job has a new status, or a new attempt."""

    type: Literal["job.status"] = "job.status"
    timestamp: datetime = Field(description="when it came to be so; the header tells when it was sent")
    data: StatusNews


class SceneMessage(Shape):
    """A scene is complete and will not change."""

    type: Literal["job.scene"] = "job.scene"
    timestamp: datetime = Field(description="when it came to be so; the header tells when it was sent")
    data: SceneNews


class DoneMessage(Shape):
    """A job is done: the whole job, as `GET /jobs/{id}` tells it."""

    type: Literal["job.done"] = "job.done"
    timestamp: datetime = Field(description="when it came to be so; the header tells when it was sent")
    data: Job


WebhookMessage = StatusMessage | SceneMessage | DoneMessage


def message_of(job_id: str, record: dict[str, str], event: WebhookEvent, value: str, at_ms: int) -> WebhookMessage:
    """`value` is the event's in the job's stream: JSON for a status, the number of a scene."""
    timestamp = datetime.fromtimestamp(at_ms / 1000, UTC)
    if event == "done":
        return DoneMessage(timestamp=timestamp, data=job_of(job_id, record, None))
    about: dict[str, Any] = {"id": job_id, "metadata": json.loads(record["request"])["metadata"]}
    if event == "scene":
        scene = job_of(job_id, record, None).scenes[int(value) - 1]
        return SceneMessage(timestamp=timestamp, data=SceneNews(**about, scene=scene))
    return StatusMessage(timestamp=timestamp, data=StatusNews(**about, **json.loads(value)))
