"""Names in Redis that Python spells: the one prefix, and the keys that are counted, listened to or looked at.

What stands under each key, and all the others, is told by lua/prelude.lua and lua/outbox.lua, which get the prefix
from here. Knows no Redis.
"""

from __future__ import annotations

from shared.schemas import PRIORITIES

PREFIX = "sq:"

DOORBELLS = f"{PREFIX}jobs"  # the broker's first list, and the beginning of the others' names
CHANGED_CHANNEL = f"{PREFIX}changed"
CANCEL_CHANNEL = f"{PREFIX}cancel"
DEAD = f"{PREFIX}dead"
QUARANTINE = f"{PREFIX}quarantine"
WEBHOOKS = f"{PREFIX}webhooks"
RECORDS = f"{PREFIX}job:"  # and a job's id
JOB_INDEXES = (f"{PREFIX}running", f"{PREFIX}expiring", *(f"{PREFIX}queued:{priority}" for priority in PRIORITIES))
