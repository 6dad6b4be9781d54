"""The API's sweep goes on whatever one of them meets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.sweeper import sweep
from shared.errors import StoreUnavailable


class Faulty:
    """Each sweep meets the next of these; after the last one it is well."""

    def __init__(self, *faults: Exception) -> None:
        self._faults = [*faults]
        self.well = asyncio.Event()

    async def sweep(self) -> list[Any]:
        if self._faults:
            raise self._faults.pop(0)
        self.well.set()
        return []

    async def ring(self, *rings: Any) -> None:
        assert rings == ()


@pytest.mark.parametrize("fault", [StoreUnavailable("away"), ValueError("ours"), KeyError("ours")])
def test_it_goes_on_after_a_fault(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.sweeper.SWEEP_EVERY_S", 0.0)

    async def run() -> None:
        faulty = Faulty(fault, fault)
        task = asyncio.create_task(sweep(faulty, faulty))  # type: ignore[arg-type]
        async with asyncio.timeout(30):
            await faulty.well.wait()
        task.cancel()

    asyncio.run(run())

    assert "trying again" in caplog.text
