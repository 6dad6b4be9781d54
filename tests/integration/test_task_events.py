"""What Celery's monitors are shown of jobs, as they read it: kombu's messages, Celery's state; on a real Redis.

The kind: a monitor that tells of doorbells and not of jobs. A failed job was a task that succeeded; a doorbell that
came twice, or for another's job, counted as one more; what ended without a doorbell stayed as it was for ever.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import redis
from celery.events import EventReceiver
from celery.events.state import State
from kombu.transport.virtual import Message

from scriptqueue.schemas import JobRequest
from shared.broker.celery_app import make_app
from shared.errors import ExecutionTimeout, OutputInvalid
from shared.settings import Settings
from shared.store.executions import Executions
from shared.store.record import failure_of
from shared.workers import WorkerState
from tests.integration.desk import MODEL, Desk, claimed, lapse, success, sweep_as_if_alone

Act = Callable[["Play"], str]


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(worker={"lease_s": 0.5})


class Monitor:
    """Flower's view: the tasks, and how many events of each type every worker sent."""

    def __init__(self, settings: Settings, client: redis.Redis, database: int) -> None:
        app = make_app(settings, patient=False)
        self._channel = app.connection(transport="memory").channel()
        self._receiver = EventReceiver(self._channel, app=app)
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)
        self._pubsub.psubscribe(f"/{database}.celeryev/*")
        self._end, self._client = f"/{database}.celeryev/end", client
        self.state = State()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.revoked: dict[str, tuple[bool, bool]] = {}  # job id: whether it ran, whether it was too late

    def catch_up(self) -> None:
        self._client.publish(self._end, "")
        for message in self._pubsub.listen():
            if message["channel"] == self._end:
                return
            body = Message(json.loads(message["data"]), channel=self._channel).payload
            _, event = self._receiver.event_from_message(body)
            self.state.event(event)
            self.counts[event["hostname"], event["type"].removeprefix("task-")] += 1
            if event["type"] == "task-revoked":
                self.revoked[event["uuid"]] = event["terminated"], event["expired"]

    def task(self, job_id: str) -> Any:
        self.catch_up()
        return self.state.tasks[job_id]

    def counted(self, kind: str) -> int:
        self.catch_up()
        return sum(count for (_, type_), count in self.counts.items() if type_ == kind)


class Play:
    """A job's way to its end, by hand."""

    def __init__(self, settings: Settings, redis_url: str) -> None:
        self.desk, self.redis_url = Desk(settings), redis_url
        self.worker = Executions(settings, "worker-a")
        self.state = WorkerState("worker-a", "ready", "test", "cpu", "bf16", slots=8, serves="m", node="one@host")
        self.worker.beat(self.state, ttl_s=60)

    def sweep(self) -> None:
        sweep_as_if_alone(self.worker, self.redis_url)

    def same(self, **fields: Any) -> str:
        return self.desk.submit(use_cache=True, **fields)


@pytest.fixture
def monitor(settings: Settings, records: redis.Redis) -> Monitor:
    return Monitor(settings, records, 0)


@pytest.fixture
def play(settings: Settings, redis_url: str) -> Play:
    return Play(settings, redis_url)


def succeeds(play: Play) -> str:
    job_id = play.desk.submit()
    play.worker.succeed(claimed(play.worker, job_id), success())
    return job_id


def fails(play: Play) -> str:
    job_id = play.desk.submit()
    play.worker.fail(claimed(play.worker, job_id), failure_of(OutputInvalid("no scenes")), MODEL)
    return job_id


def times_out(play: Play) -> str:
    job_id = play.desk.submit()
    play.worker.fail(claimed(play.worker, job_id), failure_of(ExecutionTimeout()), MODEL)
    return job_id


def is_canceled_while_it_waits(play: Play) -> str:
    job_id = play.desk.submit()
    play.desk.cancel(job_id)
    return job_id


def is_canceled_while_it_runs(play: Play) -> str:
    job_id = play.desk.submit()
    claim = claimed(play.worker, job_id)
    play.desk.cancel(job_id)
    play.worker.confirm_cancel(claim)
    return job_id


def expires(play: Play) -> str:
    job_id = play.desk.submit()
    with redis.Redis.from_url(play.redis_url) as client:
        client.zadd("sq:expiring", {job_id: 1})
    play.sweep()
    return job_id


def poisons(play: Play) -> str:
    """Its workers are lost, until it is given up by whoever sweeps."""
    job_id = play.desk.submit()
    for _ in range(8):
        claimed(play.worker, job_id)
        lapse(job_id, play.redis_url)
        play.sweep()
    return job_id


def follows(play: Play) -> str:
    leader, follower = play.same(), play.same()
    play.worker.succeed(claimed(play.worker, leader), success())
    return follower


def follows_one_that_fails_for_all(play: Play) -> str:
    leader, follower = play.same(), play.same()
    for _ in range(8):
        claimed(play.worker, leader)
        lapse(leader, play.redis_url)
        play.sweep()
    return follower


def is_answered_at_once(play: Play) -> str:
    play.worker.succeed(claimed(play.worker, play.same()), success())
    return play.same()


@pytest.mark.parametrize(
    ("act", "state", "word"),
    [
        (succeeds, "SUCCESS", "1 scenes, 5 s of video, model"),
        (fails, "FAILURE", "output_invalid"),
        (times_out, "FAILURE", "timeout"),
        (is_canceled_while_it_waits, "REVOKED", None),
        (is_canceled_while_it_runs, "REVOKED", None),
        (expires, "REVOKED", None),
        (poisons, "FAILURE", "worker_lost"),
        (follows, "SUCCESS", "1 scenes, 5 s of video, cache"),
        (follows_one_that_fails_for_all, "FAILURE", "worker_lost"),
        (is_answered_at_once, "SUCCESS", "1 scenes, 5 s of video, cache"),
    ],
)
def test_a_job_is_one_task_that_ended_as_the_job_did(
    play: Play, monitor: Monitor, act: Act, state: str, word: str | None
) -> None:
    job_id = act(play)
    for _ in range(2):
        play.worker.claim(job_id)  # its doorbell, which may ring twice

    task = monitor.task(job_id)

    assert (task.state, task.result or task.exception) == (state, word)
    assert (task.name, task.args) == ("scriptqueue.run", job_id)
    assert task.worker.hostname == "one@host"
    ends = sum(map(monitor.counted, ("succeeded", "failed", "revoked")))
    assert ends == len(monitor.state.tasks)
    assert monitor.counted("received") == ends + monitor.counted("retried")


@pytest.mark.parametrize(
    ("act", "revoked"),
    [
        (is_canceled_while_it_waits, (False, False)),
        (is_canceled_while_it_runs, (True, False)),
        (expires, (False, True)),
    ],
)
def test_a_task_that_was_revoked_says_whether_it_ran_and_why(
    play: Play, monitor: Monitor, act: Act, revoked: tuple[bool, bool]
) -> None:
    job_id = act(play)

    monitor.catch_up()

    assert monitor.revoked[job_id] == revoked


def test_a_doorbell_that_leads_to_anothers_job_shows_the_job_that_ran(play: Play, monitor: Monitor) -> None:
    def submit(client: str) -> str:
        request = JobRequest(prompt="森林", use_cache=False)
        return str(play.desk.do(lambda s: s.submit(request, client)).job.id)

    first, passed_over, others = submit("ann"), submit("ann"), submit("ben")
    claimed(play.worker, first)

    claim = claimed(play.worker, passed_over)

    assert claim.job_id == others
    assert [monitor.task(job_id).state for job_id in (passed_over, others)] == ["PENDING", "STARTED"]


def test_a_job_whose_worker_is_lost_waits_again_until_another_takes_it(
    play: Play, monitor: Monitor, settings: Settings
) -> None:
    other = Executions(settings, "worker-b")
    other.beat(WorkerState("worker-b", "ready", "test", "cpu", "bf16", slots=8, node="two@host"), ttl_s=60)
    job_id = play.desk.submit()
    claimed(play.worker, job_id)
    seen = [monitor.task(job_id).state]
    play.worker.release("lapses")
    seen.append(monitor.task(job_id).state)
    other.succeed(claimed(other, job_id), success())
    seen.append(monitor.task(job_id).state)

    assert seen == ["STARTED", "RETRY", "SUCCESS"]
    assert monitor.counts["one@host", "retried"] == monitor.counts["two@host", "succeeded"] == 1


def test_what_ends_before_any_worker_came_is_shown_too(settings: Settings, monitor: Monitor) -> None:
    desk = Desk(settings)
    job_id = desk.submit()
    desk.cancel(job_id)

    assert monitor.task(job_id).state == "REVOKED"


def test_jobs_of_another_database_are_shown_where_celery_there_listens(
    make_settings: Callable[..., Settings], records: redis.Redis, monitor: Monitor
) -> None:
    port = records.connection_pool.connection_kwargs["port"]
    there = make_settings(redis={"url": f"redis://127.0.0.1:{port}/5"})
    monitor_there = Monitor(there, records, 5)

    job_id = Desk(there).submit()

    assert monitor_there.task(job_id).state == "PENDING"
    monitor.catch_up()
    assert not monitor.counts
