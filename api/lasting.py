"""What an API process does for as long as it lives goes on after a fault of ours: nobody else would do it, and a task's
end is heard by no one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

log = logging.getLogger(__name__)

_AGAIN_S = 1.0


async def lasting(work: Callable[..., Awaitable[None]], *of: Any) -> None:
    """`work` until this is canceled: when it ends by an exception, that is logged and the work begins again."""
    while True:
        try:
            await work(*of)
        except Exception:  # the edge: whatever it is, the next time it may go well
            log.exception("%s met a fault of ours; it begins again", work.__qualname__)
        await asyncio.sleep(_AGAIN_S)
