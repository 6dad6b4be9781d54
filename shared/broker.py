"""Where doorbells lie in Redis: one list a priority, as kombu names them. For whoever counts them without Celery."""

from __future__ import annotations

from shared.schemas import Priority

QUEUE = "sq:jobs"
LEVEL: dict[Priority, int] = {"high": 0, "normal": 1, "low": 2}  # kombu on Redis: 0 is served first
SEPARATOR = "/"  # kombu takes what stands before the last one for the name of the queue: none may be in it


def broker_lists() -> list[str]:
    """The Redis lists behind the three priorities, highest first."""
    return [f"{QUEUE}{SEPARATOR}{level}" if level else QUEUE for level in sorted(LEVEL.values())]
