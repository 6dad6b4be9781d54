"""Where doorbells lie in Redis: one list a priority, as kombu names them. For whoever counts them without Celery."""

from __future__ import annotations

from shared.keys import BROKER_LIST
from shared.schemas import PRIORITIES, Priority

QUEUE = BROKER_LIST
LEVEL: dict[Priority, int] = {priority: level for level, priority in enumerate(PRIORITIES)}  # kombu serves 0 first
SEPARATOR = "/"  # kombu takes what stands before the last one for the name of the queue: none may be in it


def broker_lists() -> list[str]:
    """The Redis lists behind the three priorities, highest first."""
    return [f"{QUEUE}{SEPARATOR}{level}" if level else QUEUE for level in sorted(LEVEL.values())]
