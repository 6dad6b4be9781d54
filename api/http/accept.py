"""Which of the media types that are offered a client would rather have (RFC 9110, 12.5.1). Knows none by its name."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import Message

ANYTHING = "*/*"


def preferred(accept: Sequence[str], offered: Sequence[str]) -> str | None:
    """The one that the `Accept` headers weigh most, the first of equals; None: they accept none. Who sends no such
    header accepts anything."""
    weights = dict(map(_weighed, (part for header in accept for part in header.split(",") if part.strip())))
    weight = {media_type: _weight(media_type, weights or {ANYTHING: 1.0}) for media_type in offered}
    best = max(offered, key=lambda media_type: weight[media_type])
    return best if weight[best] > 0 else None


def _weight(media_type: str, weights: dict[str, float]) -> float:
    """The most exact range that covers it decides."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", ANYTHING)
    return next((weights[each] for each in ranges if each in weights), 0.0)


def _weighed(part: str) -> tuple[str, float]:
    message = Message()
    message["content-type"] = part.strip()
    try:
        weight = float(str(message.get_param("q", "1")))
    except ValueError:
        weight = 1.0
    return part.partition(";")[0].strip().lower(), weight
