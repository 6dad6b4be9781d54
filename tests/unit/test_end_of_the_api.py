"""The API process ends when it is told to, whatever its tasks make of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from api.wiring import end


def test_a_task_that_swallows_a_cancel_is_canceled_again() -> None:
    async def swallows_one() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def ends() -> bool:
        task = asyncio.create_task(swallows_one())
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await end([task])
        return task.cancelled()

    assert asyncio.run(ends())
