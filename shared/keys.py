"""Names in Redis that Python spells: the one prefix, and the keys that are counted, listened to or looked at. Where
REDIS__PREFIX is set it stands before each of them, and before all that Celery keeps there.

What stands under each key, and all the others, is told by lua/prelude.lua and lua/outbox.lua, which get the prefix
from here. Knows no Redis.
"""

from __future__ import annotations

from scriptqueue.schemas import PRIORITIES

KEY_PREFIX = "sq:"

CHANGED_CHANNEL = f"{KEY_PREFIX}changed"
CANCEL_CHANNEL = f"{KEY_PREFIX}cancel"
DEAD = f"{KEY_PREFIX}dead"
QUARANTINE = f"{KEY_PREFIX}quarantine"
SENDERS = f"{KEY_PREFIX}senders"
WEBHOOKS = f"{KEY_PREFIX}webhook-clients"
RECORDS = f"{KEY_PREFIX}job:"  # and a job's id
NAMED = f"{KEY_PREFIX}named"  # models; each has queues of its own behind these
JOB_INDEXES = (
    f"{KEY_PREFIX}running",
    f"{KEY_PREFIX}expiring",
    *(f"{KEY_PREFIX}queued:{priority}" for priority in PRIORITIES),
)
