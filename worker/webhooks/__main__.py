"""`python -m worker.webhooks`: the process that sends webhooks, from the outbox in Redis. No Celery, no model."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from shared import logs, traces
from shared.errors import RedisUnfit, SettingsInvalid, StoreUnavailable
from shared.settings import Settings, from_environment
from shared.store.connection import Store
from shared.store.outbox import Outbox
from shared.store.redis_server import require_fit
from shared.store.replication import Replication
from shared.workers import worker_name
from worker.exits import EXIT_UNUSABLE
from worker.webhooks.courier import Courier
from worker.webhooks.network import Resolver
from worker.webhooks.sender import Sender

log = logging.getLogger(__name__)

_STOPS = (signal.SIGTERM, signal.SIGINT)


async def serve(settings: Settings) -> None:
    """Until a signal. Without a secret nothing is sent, but the process stays: the API accepts no webhook then, and a
    service that has none configured is no failure."""
    stop = asyncio.Event()
    for number in _STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if not settings.webhooks.secrets:
        log.warning("WEBHOOKS__SECRET is not set: no webhook is accepted, none will be sent")
        await stop.wait()
        return
    store = Store(settings)
    courier = Courier(settings.webhooks.secrets, Resolver(), allow_private=settings.webhooks.allow_private)
    sender = Sender(Outbox(store, worker_name(os.getpid())), courier, Replication(store, settings))
    sending = asyncio.create_task(sender.run())
    stopped = asyncio.create_task(stop.wait())
    try:
        log.info("sending webhooks")
        await asyncio.wait((sending, stopped), return_when=asyncio.FIRST_COMPLETED)
        sender.stop()
        await sending
    finally:
        stopped.cancel()
        await store.close()
        traces.stop()


def main() -> int:
    """Exit 0 after SIGTERM or Ctrl-C; 78 when a setting is wrong, or Redis not fit."""
    try:
        settings = from_environment()
        traces.start_traces(settings.traces, "scriptqueue-webhooks")
        logs.start_logs(settings.log)
        require_fit(settings)
    except (SettingsInvalid, RedisUnfit) as error:
        print(f"scriptqueue: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    except StoreUnavailable as error:
        log.warning("%s; webhooks wait until it answers", error)
    asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
