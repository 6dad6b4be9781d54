"""Doorbells as plain values: which one to ring, and in which list of Redis, one a priority, kombu looks for it."""

from __future__ import annotations

from dataclasses import dataclass

from scriptqueue.schemas import PRIORITIES, Priority
from shared.keys import KEY_PREFIX

TASK = "scriptqueue.run"  # the name of the task that answers a doorbell
QUEUE = f"{KEY_PREFIX}jobs"  # Celery's queue: the first list, and the beginning of the others' names
LEVEL: dict[Priority, int] = {priority: level for level, priority in enumerate(PRIORITIES)}  # kombu serves 0 first
SEPARATOR = "/"  # kombu takes what stands before the last one for the name of the queue: none may be in it


@dataclass(frozen=True)
class Ring:
    """A doorbell to ring."""

    job_id: str
    priority: Priority


def broker_lists(prefix: str = "") -> list[str]:
    """The Redis lists behind the three priorities, highest first. `prefix`: REDIS__PREFIX."""
    return [f"{prefix}{QUEUE}{SEPARATOR}{level}" if level else f"{prefix}{QUEUE}" for level in sorted(LEVEL.values())]
