"""The doorbell: a Celery app whose only message says "job ID". Losing or doubling one is harmless.

Knows Celery; not what a job is.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError

from scriptqueue.schemas import Priority
from shared.broker import redis_transport
from shared.errors import SettingsInvalid
from shared.redis_primary import PrimaryFinder
from shared.rings import LEVEL, QUEUE, SEPARATOR, TASK, queue_name
from shared.settings import Settings
from shared.store.connection import redis_errors

# Variables that win over an app's own settings; `celery -b`, BROKER_URL and `celery --config` set them, too.
OF_CELERY = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_CONFIG_MODULE")


def make_app(settings: Settings, *, patient: bool) -> Celery:
    """The Celery app of a process. `patient`: a worker waits for the broker for ever, the API gives up within 3 s.

    Raises `SettingsInvalid`.
    """
    require_alone(settings)
    redis_transport.use_transport()
    address = settings.redis.address
    app = Celery("scriptqueue", broker=address.celery_url)
    app.conf.update(
        broker_use_ssl=address.celery_tls,
        task_default_queue=QUEUE,
        task_queues=[Queue(QUEUE)],
        task_create_missing_queues=False,
        # The record is the result; Celery's own backend subscribes on every publish and leaks (celery#6963, #10477).
        task_ignore_result=True,
        # A doorbell that is lost with its worker comes back; the claim makes a second one harmless.
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_enable_prefetch_count_reduction=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        task_serializer="json",
        accept_content=["json"],
        control_queue_expires=60,
        event_queue_expires=60,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None if patient else 2,
        broker_pool_limit=10,
        broker_transport_options=_transport(settings, patient=patient),
        task_publish_retry=not patient,
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1},
    )
    return app


def require_alone(settings: Settings) -> None:
    """Of every process that rings or is rung; raises `SettingsInvalid` where a variable of Celery's would win."""
    own = (None, "", settings.redis.url.get_secret_value())
    taken = [name for name in OF_CELERY if os.environ.get(name) not in own]
    if taken:
        words = (
            "Celery would take it for SCRIPTQUEUE_ settings: unset it, and BROKER_URL, and leave -b and --config away"
        )
        raise SettingsInvalid("; ".join(f"{name} is set, and {words}" for name in taken))


def hear_model(app: Celery, model: str) -> None:
    """Before a worker's consumer starts: it hears the doorbells of jobs that name this model, too."""
    app.amqp.queues.select_add(Queue(queue_name(model)))


def ring(app: Celery, job_id: str, priority: Priority, producer: Any = None, *, model: str = "") -> None:
    """Ring the doorbell of one job; raises `StoreUnavailable` when the broker is away or full. `producer`: one of
    kombu's, None: of the app's own pool. `model`: as a `Ring` has it."""
    level, queue = LEVEL[priority], Queue(queue_name(model)) if model else QUEUE
    with redis_errors(OperationalError):
        app.send_task(TASK, (job_id,), task_id=job_id, queue=queue, priority=level, argsrepr=job_id, producer=producer)


def _transport(settings: Settings, *, patient: bool) -> dict[str, Any]:
    timeout_s, address = settings.redis.timeout_s, settings.redis.address
    return {
        "queue_order_strategy": "priority",
        "priority_steps": sorted(LEVEL.values()),
        "sep": SEPARATOR,
        # Only a safety net below the lease; the same in every process, for the shortest would win.
        "visibility_timeout": 3600,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 10,
        "socket_connect_timeout": timeout_s,
        # A worker's blocking pop waits a second at a time, so its reads must outlast that.
        "socket_timeout": max(5.0, timeout_s) if patient else timeout_s,
        "socket_keepalive": True,
        "health_check_interval": 5,
        "global_keyprefix": settings.redis.prefix,
        "finder": PrimaryFinder(address) if address.sentinels else None,
        **address.celery_options,
    }
