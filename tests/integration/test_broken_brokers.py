"""A broker that dies while a worker has a doorbell in its hands, as Celery meets it."""

from __future__ import annotations

from pathlib import Path

import kombu

from shared.broker.redis_transport import Transport
from tests.integration.failing_over import Server


def test_a_channel_closes_whose_connection_was_let_go_with_a_message_in_its_hands(tmp_path: Path) -> None:
    """Where closing failed at first, kombu has forgotten the address when Celery closes again."""
    server = Server(tmp_path, "broker")
    connection = kombu.Connection(server.url, transport=Transport)
    channel = connection.default_channel
    queue = kombu.Queue("doorbells", channel=channel)
    queue.declare()
    connection.Producer().publish("ring", routing_key="doorbells")
    assert queue.get(no_ack=False) is not None

    server.close()
    connection.transport.client = None
    channel.close()

    assert channel.closed
    connection.close()
