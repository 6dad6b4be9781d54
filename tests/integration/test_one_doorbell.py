"""One doorbell answered by a worker's thread, in the test's process."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import pytest
import redis
from prometheus_client import REGISTRY

from scriptqueue.schemas import Status
from shared.rings import Ring
from shared.settings import Settings
from shared.store.executions import Executions
from shared.workers import WorkerState
from tests.integration.desk import Desk
from tests.integration.worker.processes import until
from worker.backend.stub import StubBackend
from worker.lease import LeaseKeeper
from worker.tasks import Runner


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


class Room:
    """A worker of one row whose heartbeats were not started."""

    def __init__(self, executions: Executions) -> None:
        state = WorkerState("worker-a", "ready", "test", "cpu", "bf16", slots=1)
        self.rung: list[Ring] = []
        self.keeper = LeaseKeeper(executions, 30.0, lambda: state, self.rung.append)
        self.runner = Runner(executions, self.keeper, StubBackend(slots=1), self.rung.append)

    def started(self, job_id: str) -> Thread:
        """One that answers the doorbell, once the job runs."""
        thread = Thread(target=self.runner.run, args=(job_id,))
        thread.start()
        until(self.keeper.running, what="it runs")
        return thread


@pytest.fixture
def room(worker: Executions) -> Room:
    return Room(worker)


def test_its_row_is_free_again_whatever_it_led_to(desk: Desk, room: Room) -> None:
    """The watchdog takes a worker without a free row for one that has its hands full."""
    good, bad = desk.submit(), desk.submit(metadata={"stub": {"seconds": "no number"}})

    outcomes = [room.runner.run(job_id).split(":")[0] for job_id in (good, bad, good)]

    assert outcomes == ["succeeded", "failed", "nothing to do"]
    assert (room.runner.answered, room.runner.busy) == (3, 0)


def test_only_a_board_that_was_kept_counts_as_written(desk: Desk, room: Room) -> None:
    def tokens() -> float:
        return REGISTRY.get_sample_value("scriptqueue_worker_storyboard_tokens_total") or 0

    before = tokens()
    canceled = desk.submit(metadata={"stub": {"seconds": 0.5}})
    thread = room.started(canceled)
    desk.cancel(canceled)  # which nobody hears here
    thread.join(60)
    after_the_canceled = tokens()
    room.runner.run(desk.submit())

    assert (after_the_canceled, tokens()) == (before, before + 120)


def test_the_scenes_of_a_text_that_ran_out_of_time_are_told_before_it_fails(
    desk: Desk, room: Room, records: redis.Redis
) -> None:
    stub = {"seconds": 3, "scenes": 10}
    job_id = desk.submit(min_scenes=10, max_scenes=10, execution_timeout_s=1, metadata={"stub": stub})

    room.runner.run(job_id)

    assert desk.job(job_id).status is Status.FAILED
    assert int(records.hget(f"sq:job:{job_id}", "scenes_told") or 0) >= 1


def test_a_job_that_was_stopped_for_its_cancel_is_canceled(desk: Desk, room: Room) -> None:
    job_id = desk.submit(metadata={"stub": {"hang": True}})
    thread = room.started(job_id)
    desk.cancel(job_id)

    for attempt in room.keeper.running():
        attempt.stop("canceling")
    thread.join(60)

    assert desk.job(job_id).status is Status.CANCELED


@pytest.mark.parametrize("is_canceled", [False, True])
def test_what_is_given_back_is_rung_unless_it_was_canceled_meanwhile(desk: Desk, room: Room, is_canceled: bool) -> None:
    job_id = desk.submit(metadata={"stub": {"hang": True}})
    thread = room.started(job_id)
    if is_canceled:
        desk.cancel(job_id)

    room.keeper.stop_all()
    thread.join(60)

    assert desk.job(job_id).status is (Status.CANCELED if is_canceled else Status.QUEUED)
    assert room.rung == ([] if is_canceled else [Ring(job_id, "high")])
