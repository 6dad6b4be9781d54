"""Kombu's Redis transport for a Redis at its maxmemory, where a doorbell may still ring, for it belongs to what was
accepted; and for one that fails over: its connections follow the primary, by Sentinels where there are any.

Knows kombu (pinned exactly); not what a job is. Losing a doorbell's bookkeeping is harmless: the sweep rings again.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from kombu.utils.json import dumps
from redis.exceptions import OutOfMemoryError

from shared.redis_primary import PrimaryFinder, following
from shared.rings import holds_doorbells

log = logging.getLogger(__name__)

RING = "#!lua flags=allow-oom\nreturn redis.call('LPUSH', KEYS[1], ARGV[1])"


class QoS(redis.QoS):  # type: ignore[misc]
    def append(self, message: Any, delivery_tag: str) -> None:
        """What is not noted here is only not rung again by kombu."""
        try:
            super().append(message, delivery_tag)
        except OutOfMemoryError:
            log.warning("Redis is full: a doorbell is answered without being noted")
            virtual.QoS.append(self, message, delivery_tag)

    def restore_visible(self, *arguments: Any, **options: Any) -> None:
        """What kombu thinks lost can wait until its mutex fits."""
        with suppress(OutOfMemoryError):
            super().restore_visible(*arguments, **options)

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Of a connection that kombu has let go, after it was lost, nothing can be given back, and the address to give
        it to is gone too: the worker would end by an AttributeError."""
        if self.channel.connection.client is None:
            self._delivered.clear()
        super().restore_unacked_once(stderr)


class Channel(redis.Channel):  # type: ignore[misc]
    QoS = QoS
    finder: PrimaryFinder | None = None
    from_transport_options = (*redis.Channel.from_transport_options, "finder")

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """As in kombu, whichever kind of connection it is."""
        params: dict[str, Any] = super()._connparams(asynchronous)
        return params | {"connection_class": following(params["connection_class"]), "finder": self.finder}

    def _put(self, queue: str, message: dict[str, Any], **options: Any) -> None:
        """As in kombu, but a doorbell comes with a command that Redis does not refuse for want of memory."""
        if not holds_doorbells(queue) or "_publish_batch" in options:
            super()._put(queue, message, **options)
            return
        ring_list = self.global_keyprefix + self._q_for_pri(queue, self._get_message_priority(message, reverse=False))
        with self.conn_or_acquire() as client:
            client.eval(RING, 1, ring_list, dumps(message))

    def _queue_bind(self, exchange: str, *arguments: Any) -> None:
        """Nearly always it is there already, from the process before."""
        try:
            super()._queue_bind(exchange, *arguments)
        except OutOfMemoryError:
            log.warning("Redis is full: not bound anew to %s", exchange)


class Transport(redis.Transport):  # type: ignore[misc]
    Channel = Channel


def use_transport(transport: str = f"{__name__}:Transport") -> None:
    """From now on, every connection of this process to a broker at redis:// or sentinel:// uses this transport."""
    TRANSPORT_ALIASES.update(redis=transport, rediss=transport, sentinel=transport)
