"""A doorbell's message as Celery and kombu would send it, without sending it: for who has a Redis connection already.

Celery writes one of each priority at the start, and of each model when it is first named, to a client that only notes
it; later ones differ by the job's id and a tag. Knows kombu (pinned exactly); not Redis, nor what a job is.
"""

from __future__ import annotations

import json
import uuid
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery

from scriptqueue.schemas import PRIORITIES, Priority
from shared.broker import celery_app, redis_transport
from shared.redis_address import RedisAddress
from shared.rings import Ring
from shared.settings import Settings

_ID, _TAG, _BODY = "{id}", "{tag}", "{body}"


class Doorbells:
    """What lua/ring.lua is told."""

    def __init__(self, settings: Settings) -> None:
        self._app = celery_app.make_app(settings, patient=False)
        self._database = settings.redis.address.database
        self._forms: dict[tuple[Priority, str], tuple[str, _Form]] = {}
        for priority in PRIORITIES:
            self._form_of(Ring(_ID, priority))

    def arguments(self, rings: Iterable[Ring]) -> dict[str, Any]:
        """What the script takes."""
        return {"doorbells": [self._doorbell(ring) for ring in rings]}

    def _doorbell(self, ring: Ring) -> dict[str, str]:
        broker_list, message = self._form_of(ring)
        return {"list": broker_list, "message": message.filled(ring.job_id)}

    def _form_of(self, ring: Ring) -> tuple[str, _Form]:
        lane = ring.priority, ring.model
        if lane not in self._forms:
            broker_list, message = _written(self._app, self._database, Ring(_ID, *lane))
            self._forms[lane] = broker_list, _Form(message)
        return self._forms[lane]


class _Form:
    """A message of kombu's with blanks: the job's id, and a tag that is its own."""

    def __init__(self, message: str) -> None:
        envelope = json.loads(message)
        envelope["properties"]["delivery_tag"] = _TAG
        self._body = b64decode(envelope["body"]).decode()
        self._envelope = json.dumps(envelope | {"body": _BODY})

    def filled(self, job_id: str) -> str:
        encoded = b64encode(self._body.replace(_ID, job_id).encode()).decode()
        return self._envelope.replace(_ID, job_id).replace(_TAG, str(uuid.uuid4())).replace(_BODY, encoded)


class _Notes:
    """Stands where kombu has its Redis client."""

    def __init__(self) -> None:
        self.noted: list[tuple[Any, ...]] = []

    def ping(self) -> None:
        """Kombu greets a new connection."""

    def eval(self, *arguments: Any) -> None:
        self.noted.append(arguments)


class _Channel(redis_transport.Channel):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._get_pool()  # which puts the number of the database into the channel's name; nothing is connected

    @property
    def client(self) -> _Notes:
        notes: _Notes = self.connection.client.notes
        return notes

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[_Notes]:
        yield client or self.client

    def _queue_bind(self, *arguments: Any) -> None:
        """A worker binds its queue itself, and a doorbell names it."""

    def _size(self, queue: str) -> int:
        """Asked for when a queue is declared."""
        return 0


class _Transport(redis_transport.Transport):
    Channel = _Channel


def _written(app: Celery, database: int, doorbell: Ring) -> tuple[str, str]:
    """The list and the message of a doorbell for `_ID`. Where Redis is does not matter to them; kombu lets a URL of a
    socket choose its transport."""
    with app.connection_for_write(RedisAddress(database=database).celery_url, transport=_Transport) as connection:
        connection.notes = _Notes()
        celery_app.ring(app, _ID, doorbell.priority, app.amqp.Producer(connection), model=doorbell.model)
        ((_, _, broker_list, message),) = connection.notes.noted
    return broker_list, message
