"""What stops an attempt: the loss of its job, by the next heartbeat, for two texts of one job would cost a row for
nothing; a cancel, at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from shared.settings import Settings
from shared.store.executions import Executions
from shared.workers import WorkerState
from tests.integration.desk import Desk, claimed
from tests.integration.worker.processes import until
from worker.attempt import Attempt
from worker.lease import LeaseKeeper

READY = WorkerState("worker-a", "ready", "test", "cpu", "bf16", slots=1)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.mark.parametrize(("field", "value"), [("token", "worker-b/2/1"), ("status", "queued"), ("status", "failed")])
def test_an_attempt_that_lost_its_job_is_stopped_by_the_next_heartbeat(
    desk: Desk, worker: Executions, records: redis.Redis, field: str, value: str
) -> None:
    lost, kept = (Attempt(claimed(worker, desk.submit(prompt=prompt))) for prompt in ("x", "y"))
    keeper = LeaseKeeper(worker, 1.0, lambda: READY, lambda _: None)
    keeper.hold(lost)
    keeper.hold(kept)
    records.hset(f"sq:job:{lost.claim.job_id}", field, value)

    keeper.start()
    until(lambda: lost.stop_reason, what="its heartbeat was refused")
    keeper.close()

    assert (lost.stop_reason, kept.stop_reason) == ("lost", None)


def test_a_cancel_stops_its_attempt_before_any_heartbeat(
    desk: Desk, worker: Executions, records: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lease.SWEEP_EVERY_S", 3600.0)
    canceled, kept = (Attempt(claimed(worker, desk.submit(prompt=prompt))) for prompt in ("x", "y"))
    keeper = LeaseKeeper(worker, 36_000.0, lambda: READY, lambda _: None)
    keeper.start()
    until(lambda: keeper.doorbells is not None and records.pubsub_channels(), what="it beat once, and listens")
    keeper.hold(canceled)
    keeper.hold(kept)

    desk.cancel(canceled.claim.job_id)
    until(lambda: canceled.stop_reason, what="it heard of the cancel")
    keeper.close()

    assert (canceled.stop_reason, kept.stop_reason) == ("canceling", None)
