"""What lasts as long as the process begins again, whatever ended it."""

from __future__ import annotations

import asyncio

import pytest

from api.lasting import lasting


@pytest.mark.parametrize("fault", [ValueError("ours"), KeyError("ours"), TimeoutError()])
def test_it_begins_again_after_a_fault_which_is_logged(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.lasting._AGAIN_S", 0.0)
    faults = [fault, fault]

    async def run() -> None:
        well = asyncio.Event()

        async def sweeping() -> None:
            if faults:
                raise faults.pop()
            well.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(lasting(sweeping))
        async with asyncio.timeout(30):
            await well.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [fault, fault]
    assert "sweeping met a fault of ours" in caplog.text
