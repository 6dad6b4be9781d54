"""The API's share of the sweep: jobs expire and lost doorbells are rung even while no worker lives."""

from __future__ import annotations

import asyncio
import logging

from api.doorbell import Doorbell
from shared.errors import StoreUnavailable
from shared.store.submissions import Submissions
from shared.store.sweep import SWEEP_EVERY_S

log = logging.getLogger(__name__)


async def sweep(submissions: Submissions, doorbell: Doorbell) -> None:
    """For ever; survives Redis being away."""
    away = False
    while True:
        try:
            await doorbell.ring(*await submissions.sweep())
            away = False
        except StoreUnavailable as error:
            if not away:
                log.warning("no sweep: %s; trying again", error)
            away = True
        await asyncio.sleep(SWEEP_EVERY_S)
