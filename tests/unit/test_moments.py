"""Times in the command's lines are the reader's own, with their distance from UTC.

mpiton/tauri-pilot#231: bare UTC reads as a clock that is two hours wrong. nats-io/natscli#1671: bare local time is not
clear to whom it is shown.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from scriptqueue.cli import format
from scriptqueue.schemas import DeadJob

AT = datetime(2026, 1, 31, 18, 30, tzinfo=UTC)


@pytest.fixture(params=["Asia/Shanghai", "America/St_Johns", "UTC"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_a_time_is_the_readers_own_and_says_so(zone: str) -> None:
    lines = {
        "Asia/Shanghai": "2026-02-01 02:30:00 +0800",
        "America/St_Johns": "2026-01-31 15:00:00 -0330",
        "UTC": "2026-01-31 18:30:00 +0000",
    }

    assert format.moment(AT) == lines[zone]
    blame = {"attempts": 3, "crashes": 3, "lapses": 0, "priority": "normal", "metadata": {}}
    dead = DeadJob.model_validate({"id": UUID(int=1), "failed_at": AT, "prompt": "x", **blame})
    assert lines[zone] in format.dead_job_line(dead)
