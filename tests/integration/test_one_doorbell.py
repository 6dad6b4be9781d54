"""One doorbell answered by a worker's thread, here by the test's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.settings import Settings
from shared.store.executions import Executions
from shared.workers import WorkerState
from tests.integration.desk import Desk
from worker.backend.stub import StubBackend
from worker.lease import LeaseKeeper
from worker.tasks import Runner


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


def test_its_row_is_free_again_whatever_it_led_to(desk: Desk, worker: Executions) -> None:
    """The watchdog takes a worker without a free row for one that has its hands full."""
    keeper = LeaseKeeper(worker, 30.0, lambda: WorkerState("worker-a", "ready", "test", "cpu", "bf16", 1), print)
    runner = Runner(worker, keeper, StubBackend(slots=1), print)
    good, bad = desk.submit(), desk.submit(metadata={"stub": {"seconds": "no number"}})

    outcomes = [runner.run(job_id).split(":")[0] for job_id in (good, bad, good)]

    assert outcomes == ["succeeded", "failed", "nothing to do"]
    assert (runner.answered, runner.busy) == (3, 0)
