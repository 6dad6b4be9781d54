"""`python -m worker.alive` and `python -m worker.alive webhooks`: whether a worker, or a sender of webhooks, of this
host serves now. Exit 0: it does; else 1 and why, in one line. For the health checks of containers.

Asks Redis what the process itself says there every second: that a process runs is no sign of a model that writes.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from typing import cast

from shared import keys
from shared.errors import SettingsInvalid, StoreUnavailable
from shared.settings import Settings, from_environment
from shared.store.connection import SyncStore, connect, redis_errors
from shared.store.record import queue_load_of
from shared.store.scripts import named

HOW = "usage: python -m worker.alive [webhooks]"


def trouble(settings: Settings, *, of_webhooks: bool) -> str:
    """Why it does not serve; empty: it does. Raises `StoreUnavailable`."""
    if of_webhooks and not settings.webhooks.secrets:
        return ""  # none is accepted, and none waits
    own = f"{socket.gethostname()}:"
    with redis_errors(), connect(settings) as client:
        if of_webhooks:
            seconds, _ = cast(tuple[int, int], client.time())
            senders = cast(
                list[str], client.zrangebyscore(settings.redis.prefix + keys.SENDERS, seconds * 1000, "+inf")
            )
            return "" if any(sender.startswith(own) for sender in senders) else "no sender of webhooks on this host"
        workers = queue_load_of(named("queue", SyncStore(client, settings.redis.prefix).call("queue"))).workers
    here = [worker for worker in workers if worker.worker.startswith(own)]
    if any(worker.serves_jobs or worker.state == "draining" for worker in here):
        return ""
    return f"the worker of this host is {here[0].state}" if here else "no worker on this host"


def main(arguments: Sequence[str]) -> int:
    if [*arguments] not in ([], ["webhooks"]):
        print(HOW, file=sys.stderr)
        return 2
    try:
        why = trouble(from_environment(), of_webhooks=bool(arguments))
    except (SettingsInvalid, StoreUnavailable) as error:
        why = str(error)
    if why:
        print(f"scriptqueue: {why}", file=sys.stderr)
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
