"""Processes that send webhooks, and receivers that answer, fail or hang."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from scriptqueue.schemas import DeliveryAttempt
from shared.store.connection import Store
from shared.store.outbox import LEASE_S, Letter, Outbox
from tests.simulate.clients import at_once
from tests.simulate.promises import WEBHOOKS, Promises
from tests.simulate.world import AsyncCalls, Violation, World

PLACES = 4
AT = datetime(2026, 1, 1, tzinfo=UTC)
HEARD = DeliveryAttempt(at=AT, took_s=1, status=200)
FAULTY = DeliveryAttempt(at=AT, took_s=1, status=500)
SILENT = DeliveryAttempt(at=AT, took_s=15, error="timeout")


class Senders:
    def __init__(self, world: World) -> None:
        self.world = world
        self._outboxes = [Outbox(cast(Store, AsyncCalls(world)), f"sender-{number}") for number in range(2)]

    def begin(self, promises: Promises) -> None:
        self.promises = promises
        self.letters: list[list[Letter]] = [[], []]

    # Steps.

    def take_letters(self, a: int, b: int, c: int) -> None:
        sender = a % 2
        if room := PLACES - len(self.letters[sender]):
            taken = at_once(self._outboxes[sender].take(room))
            self.letters[sender] += taken
            for letter in taken:
                self.promises.posted(
                    letter.job_id, letter.number, letter.event, letter.value, letter.lease, int(LEASE_S * 1000)
                )

    def settle_letter(self, a: int, b: int, c: int) -> None:
        sender = a % 2
        if not self.letters[sender]:
            return
        letter = self.letters[sender].pop(b % len(self.letters[sender]))
        attempt = (HEARD, HEARD, FAULTY, SILENT)[c % 4]
        outdated = self.promises.sent_by_another(letter.job_id, letter.number, letter.lease)
        self.promises.settled(letter.job_id, letter.number, delivered=attempt is HEARD)
        again_in_s = None if attempt is HEARD else 5.0
        settle = self._outboxes[sender].settle(letter, attempt, again_in_s, unwanted=False, address="192.0.2.1")
        if at_once(settle) and outdated:
            raise Violation(f"{WEBHOOKS}: a sender whose lease had ended settled {letter.webhook_id}")

    def put_letter_back(self, a: int, b: int, c: int) -> None:
        if self.letters[a % 2]:
            letter = self.letters[a % 2].pop()
            self.promises.settled(letter.job_id, letter.number, delivered=False)
            at_once(self._outboxes[a % 2].put_back(letter))

    def sender_dies(self, a: int, b: int, c: int) -> None:
        self.letters[a % 2].clear()
