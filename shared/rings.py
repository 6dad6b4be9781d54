"""Doorbells as plain values: which one to ring, and in which list of Redis, one a priority, kombu looks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from scriptqueue.schemas import PRIORITIES, Priority
from shared.keys import KEY_PREFIX

TASK = "scriptqueue.run"  # the name of the task that answers a doorbell
QUEUE_FOR = f"{KEY_PREFIX}jobs-for:"  # and a model: of doorbells that its workers alone hear
QUEUE = f"{KEY_PREFIX}jobs"  # Celery's queue: the first list, and the beginning of the others' names
LEVEL: dict[Priority, int] = {priority: level for level, priority in enumerate(PRIORITIES)}  # kombu serves 0 first
SEPARATOR = "/"  # kombu takes what stands before the last one for the name of the queue: none may be in it


@dataclass(frozen=True)
class Ring:
    """A doorbell to ring; `model`: as `lane_model` writes the one that the job names, empty: any worker hears it."""

    job_id: str
    priority: Priority
    model: str = ""

    @classmethod
    def in_lane(cls, job_id: str, lane: str) -> Ring:
        """`lane`: as the scripts name it."""
        priority, _, model = lane.partition(SEPARATOR)
        return cls(job_id, cast(Priority, priority), model)


def lane_model(name: str | None) -> str:
    """A model's name as keys and lists of Redis have it; empty: none is named."""
    return quote(name or "", safe="")


def queue_name(model: str = "") -> str:
    """Celery's queue for the doorbells of jobs that name this model, or none."""
    return f"{QUEUE_FOR}{model}" if model else QUEUE


def holds_doorbells(name: str) -> bool:
    """Whether a queue of Celery's, or a list behind one, has doorbells and nothing else."""
    return name.split(SEPARATOR, maxsplit=1)[0] == QUEUE or name.startswith(QUEUE_FOR)


def broker_lists(prefix: str = "", model: str = "") -> list[str]:
    """The Redis lists behind the three priorities, highest first. `prefix`: REDIS__PREFIX."""
    queue = f"{prefix}{queue_name(model)}"
    return [f"{queue}{SEPARATOR}{level}" if level else queue for level in sorted(LEVEL.values())]
