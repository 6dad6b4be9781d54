"""Who may queue how much, and what is said to whom may not: the refusals of lua/submit.lua as errors.

Knows the script's answers and the queue's figures; not Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shared.errors import (
    DeadlineTooSoon,
    InvalidRequest,
    KeyReused,
    NoSuchModel,
    QueueFull,
    Refusal,
    TooFast,
    TooManyActive,
    TooManyWaiting,
)
from shared.eta import QueueLoad
from shared.settings import ApiSettings
from shared.store.entry import NewJob

_MAX_RETRY_AFTER_S = 60.0  # others may cancel, so nobody is sent away for longer


def limits_of(settings: ApiSettings, jobs: int) -> tuple[int, int, int]:
    """Jobs that may wait, new jobs a minute, and jobs that are not done at once (0: any number). Raises
    `InvalidRequest` for a batch that would never be let in."""
    most = settings.max_active or 0
    if most and jobs > most:
        raise InvalidRequest(f"/jobs: {jobs} jobs; you may have {most} at once")
    return settings.max_queued, settings.rate_per_minute or 0, most


def starts_in_s(entries: Sequence[NewJob], figures: QueueLoad, client: str, weight: int) -> list[float]:
    """How long each would wait before it starts, one behind the other; 0 where nothing is known."""
    waits_s = []
    for entry in entries:
        priority = entry.request.priority
        waits_s.append(figures.start_s(figures.last(priority, client, weight)) or 0)
        figures = figures.joined_by(priority, entry.cost, client, weight)
    return waits_s


def refused_by(
    answer: list[Any], settings: ApiSettings, figures: QueueLoad | None, jobs: int, *, in_batch: bool
) -> Refusal:
    """The script's answer, when it lets nothing in; `figures`, if there are any, tell when to come again."""
    match answer:
        case ["reused"]:
            return KeyReused()
        case ["late", number, earliest_ms]:
            earliest = datetime.fromtimestamp(earliest_ms / 1000, UTC)
            return DeadlineTooSoon(earliest, f"/jobs/{number}" if in_batch else "")
        case ["no_model", number]:
            served = sorted({worker.named_by_jobs for worker in figures.workers} - {""}) if figures else []
            known = f"; workers serve {', '.join(served)} now" if served else "; no worker is there now"
            where = f"/jobs/{number}/model" if in_batch else "/model"
            return NoSuchModel(f"{where}: no worker has served it for an hour{known}")
        case ["too_fast", wait_ms]:
            return TooFast(f"{settings.rate_per_minute} new jobs a minute are allowed", retry_after_s=wait_ms / 1000)
        case ["too_many", active]:
            detail = f"{active} of your jobs are not done; {settings.max_active} are allowed"
            return TooManyActive(detail, retry_after_s=_drained_s(figures, 1))
        case ["crowded", own, free]:
            detail = (
                f"{own} of your jobs wait, and {free} places are free; "
                "you may hold no more places than stay free for others"
            )
            return TooManyWaiting(detail, retry_after_s=_drained_s(figures, jobs))
        case ["full", queued]:
            detail = f"{queued} jobs wait already; the limit is {settings.max_queued}"
            return QueueFull(detail, retry_after_s=_drained_s(figures, jobs))
    raise AssertionError(answer[0])


def _drained_s(figures: QueueLoad | None, jobs: int) -> float | None:
    drained_s = figures.drained_s(jobs) if figures else None
    return None if drained_s is None else min(drained_s, _MAX_RETRY_AFTER_S)
