"""The outbox as the process sees it that sends webhooks: take what is due, say how each try ended.

Knows two scripts (lua/take.lua, lua/settle.lua); not HTTP, and not when a failed try is worth another.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from scriptqueue.schemas import DeliveryAttempt, Durability, Status, WebhookEvent
from shared.store.connection import Store
from shared.store.record import record_of
from shared.store.scripts import named

LEASE_S = 20.0  # a try takes 15 s at most; what a sender held that died is due again after this
ALIVE_S = 10.0  # how long a sender's word stands
TRIES_KEPT = 20  # of one event, the last ones
LOG: TypeAdapter[list[DeliveryAttempt]] = TypeAdapter(list[DeliveryAttempt])


def webhook_id(job_id: str, number: int) -> str:
    """The same in every try, so that a receiver can tell a repetition."""
    return f"{job_id}-{number}"


@dataclass(frozen=True)
class Letter:
    """One event that this process may send until its lease (ms, Redis' clock) ends."""

    client: str
    host: str
    job_id: str
    number: int
    lease: str
    url: str
    event: WebhookEvent
    value: str
    at_ms: int
    tries: int
    log: tuple[DeliveryAttempt, ...]
    record: dict[str, str]
    durability: Durability | None = None

    @property
    def webhook_id(self) -> str:
        return webhook_id(self.job_id, self.number)

    @property
    def final(self) -> bool:
        """Whether it tells how the job ended."""
        return self.event == "done" or (self.event == "status" and Status(json.loads(self.value)["status"]).done)


class Outbox:
    """Every method raises `StoreUnavailable`."""

    def __init__(self, store: Store, sender: str) -> None:
        self._store = store
        self._sender = sender

    async def take(self, most: int) -> list[Letter]:
        """Up to `most` that are due, clients by turns, at most a few to one address; nobody else sends them then."""
        taken = await self._store.call(
            "take", sender=self._sender, ttl_ms=int(ALIVE_S * 1000), most=most, lease_ms=int(LEASE_S * 1000)
        )
        return [_letter(named("take", values)) for values in taken]

    async def leave(self) -> None:
        """This process sends no more."""
        await self._store.call("take", sender=self._sender, ttl_ms=0, most=0, lease_ms=0)

    async def settle(
        self,
        letter: Letter,
        attempt: DeliveryAttempt,
        again_in_s: float | None,
        *,
        unwanted: bool,
        address: str | None = None,
    ) -> bool:
        """How a try ended. `again_in_s` None: it is the last; `unwanted`: nothing more of this job shall be sent;
        `address`: where the name led. False: the lease had ended, so another sender has it; or the job was deleted."""
        answer = await self._settle(
            letter,
            outcome="delivered" if attempt.delivered else "given_up" if again_in_s is None else "failed",
            log=LOG.dump_json([*letter.log, attempt][-TRIES_KEPT:], exclude_none=True).decode(),
            next_try_ms=int((again_in_s or 0) * 1000),
            unwanted=unwanted,
            address=address,
            answered="1" if attempt.status else "0" if attempt.error == "timeout" else "",
        )
        return answer == "ok"

    async def put_back(self, letter: Letter) -> None:
        """It was not tried to its end: due again at once."""
        await self._settle(letter, outcome="released")

    async def _settle(self, letter: Letter, **outcome: Any) -> str:
        known = {"log": None, "next_try_ms": 0, "unwanted": False, "address": None, "answered": None, **outcome}
        place = {"client": letter.client, "host": letter.host, "id": letter.job_id, "number": letter.number}
        return str(await self._store.call("settle", **place, lease=letter.lease, **known))


def _letter(taken: dict[str, Any]) -> Letter:
    event = json.loads(taken["event"])
    return Letter(
        client=taken["client"],
        host=taken["host"],
        job_id=taken["id"],
        number=int(taken["number"]),
        lease=str(taken["lease"]),
        url=taken["url"],
        event=event["event"],
        value=str(event["value"]),
        at_ms=event["at"],
        tries=int(taken["tries"]),
        log=tuple(LOG.validate_json(taken["log"])),
        record=record_of(taken["record"]),
    )
