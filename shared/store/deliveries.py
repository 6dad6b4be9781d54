"""What became of a job's webhook events, and sending them again.

Knows one script (lua/deliveries.lua); not HTTP, and not who sends.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from scriptqueue.schemas import Delivery, DeliveryAttempt, DeliveryState
from shared.errors import NothingToRedeliver
from shared.store.connection import Store
from shared.store.outbox import LOG, webhook_id
from shared.store.record import known_to, record_of


class DeliveryStore:
    """Both raise `JobNotFound` and `JobGone` as a read does, and `StoreUnavailable`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, job_id: str, client: str) -> list[Delivery]:
        """In the order of the events; empty for a job without a webhook."""
        return await self._read(job_id, client)

    async def send_again(self, job_id: str, client: str, number: int | None) -> list[Delivery]:
        """Send one event again, whatever became of it; None: all that failed, also those that wait for their next try.
        Raises `NothingToRedeliver`."""
        known = await self._read(job_id, client)
        if number is None:
            again = [d.number for d in known if d.state in ("failed", "dropped") or (d.state == "waiting" and d.tries)]
        else:
            again = [delivery.number for delivery in known if delivery.number == number]
        if not again:
            raise NothingToRedeliver()
        return await self._read(job_id, client, again)

    async def _read(self, job_id: str, client: str, again: Sequence[int] = ()) -> list[Delivery]:
        answer, owner, *rest = await self._store.call("deliveries", id=job_id, client=client, again=again)
        known_to(client, answer, owner)
        fields, places = record_of(rest[0]), iter(rest[1])
        where = {number: (place, _time(at)) for number, place, at in zip(places, places, places, strict=True)}
        numbers = sorted((field for field in fields if field.isdigit()), key=int)
        return [_delivery(job_id, number, fields, where.get(number)) for number in numbers]


def _delivery(
    job_id: str, number: str, fields: dict[str, str], place: tuple[DeliveryState, datetime] | None
) -> Delivery:
    event: dict[str, Any] = json.loads(fields[number])
    attempts = LOG.validate_json(fields.get(f"{number}:log", "[]"))
    return Delivery(
        number=int(number),
        webhook_id=webhook_id(job_id, int(number)),
        type=f"job.{event['event']}",
        created_at=_time(event["at"]),
        state=place[0] if place else _ended(attempts),
        tries=int(fields.get(f"{number}:tries", "0")),
        attempts=attempts,
        next_attempt_at=place[1] if place and place[0] == "waiting" else None,
    )


def _ended(attempts: list[DeliveryAttempt]) -> DeliveryState:
    if not attempts:
        return "dropped"
    return "delivered" if attempts[-1].delivered else "failed"


def _time(milliseconds: str | int) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
