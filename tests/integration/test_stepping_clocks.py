"""Redis' clock steps by an hour, both ways: whatever ends at a time still ends, and nothing is lost.

Each script reads the time of the server and how far it stepped. yiisoft/yii2-queue#370, redis/redis#416.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from scriptqueue.schemas import Progress, Webhook
from shared.errors import TooFast
from shared.settings import Settings
from shared.store.executions import Refused, Report
from shared.store.sweep import Sweeps
from tests.integration.desk import success
from tests.integration.refusing_store import RefusingStore, Sides

HOUR_S, LEASE_S, RATE = 3600, 5, 2
HOOK = Webhook(url="https://example.com/hook", events=["status"])
CLOCK = "local clock = redis.call('TIME')\n"
STEPPED = f"{CLOCK}clock = {{clock[1] + (redis.call('GET', 'stepped-s') or 0), clock[2]}}\n"
MOVE_ENDS = """
for _, key in ipairs(redis.call('KEYS', 'sq:*')) do
  local ms = redis.call('PTTL', key)
  if ms >= 0 then redis.call('PEXPIRE', key, ms - ARGV[1]) end
end
"""


class Clocks(Sides):
    """Time passes for everybody, or Redis' clock alone steps."""

    def __init__(self, settings: Settings, records: redis.Redis) -> None:
        super().__init__(settings, RefusingStore(records, RefusingStore.do, lambda text: text.replace(CLOCK, STEPPED)))
        self._own_s = 0.0
        self.worker._sweeps = Sweeps(settings, lambda: self._own_s)
        self._move_ends = records.register_script(MOVE_ENDS)
        self.sweep()

    def step(self, by_s: float) -> None:
        self.records.set("stepped-s", float(self.records.get("stepped-s") or 0) + by_s, ex=60)
        self._move_ends(args=[int(by_s * 1000)])

    def pass_time(self, seconds: int, *, beating: bool = False) -> list[str]:
        """With a sweep each second. Which jobs were rung."""
        rung = []
        for _ in range(seconds):
            self.step(1)
            self._own_s += 1
            if beating:
                self.beat(ttl_s=LEASE_S)
            rung += [ring.job_id for ring in self.sweep()]
        return rung

    def sweep(self) -> list[Any]:
        self.records.delete("sq:sweep-lock")
        return self.worker.sweep()

    def letters(self) -> int:
        return len(self.do(self.outbox.take(8)))


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(
        api={"rate_per_minute": RATE, "keys": "ada:" + "k" * 32}, worker={"lease_s": LEASE_S, "max_attempts": 2}
    )


@pytest.fixture
def clocks(settings: Settings, records: redis.Redis) -> Iterator[Clocks]:
    clocks = Clocks(settings, records)
    yield clocks
    clocks.close()


Step = Callable[[], None]


def a_webhook_that_waits_for_its_next_try(clocks: Clocks, step: Step) -> None:
    clocks.submit(webhook=HOOK)
    (letter,) = clocks.do(clocks.outbox.take(8))
    clocks.settle(letter, 5, status=500, unwanted=False)
    step()
    clocks.pass_time(7)
    assert clocks.letters() == 1


def a_webhook_whose_sender_died(clocks: Clocks, step: Step) -> None:
    clocks.submit(webhook=HOOK)
    assert clocks.letters() == 1
    step()
    clocks.pass_time(22)
    assert clocks.letters() == 1


def a_sender_that_died(clocks: Clocks, step: Step) -> None:
    clocks.letters()
    step()
    clocks.pass_time(11)
    assert clocks.do(clocks.api.queue()).senders == 0


def a_client_that_used_up_its_rate(clocks: Clocks, step: Step) -> None:
    for _ in range(RATE):
        clocks.submit()
    with pytest.raises(TooFast):
        clocks.submit()
    step()
    clocks.pass_time(31)
    clocks.submit()


def a_suspect_that_a_worker_waited_for(clocks: Clocks, step: Step) -> None:
    beside, suspect = clocks.submit(), clocks.submit()
    clocks.records.hset(f"sq:job:{suspect}", "crashes", 1)
    claim = clocks.claim(beside)
    assert clocks.worker.claim(suspect) == Refused("wait")
    clocks.do(clocks.api.cancel(suspect, "ada"))
    step()
    clocks.worker.succeed(claim, success())
    clocks.pass_time(40, beating=True)
    clocks.claim(clocks.submit())


def a_doorbell_that_is_lost(clocks: Clocks, step: Step) -> None:
    job_id = clocks.submit()
    step()
    assert job_id in clocks.pass_time(4)


def a_low_job_behind_one_from_before(clocks: Clocks, step: Step) -> None:
    clocks.submit(priority="low")
    step()
    after = clocks.submit(priority="low")
    clocks.pass_time(150)
    assert clocks.records.hget(f"sq:job:{after}", "risen") == "2"


def a_job_that_runs(clocks: Clocks, step: Step) -> None:
    clocks.beat(ttl_s=LEASE_S)
    waits, runs = clocks.submit(), clocks.submit()
    claim = clocks.claim(runs)
    step()
    assert clocks.worker.renew([Report(claim, Progress(phase="writing"))]) == ["ok"]
    clocks.pass_time(2)
    clocks.beat(ttl_s=LEASE_S)
    assert clocks.do(clocks.api.queue()).running[0].ran_s >= 0
    assert clocks.worker.succeed(claim, success()) == "succeeded"
    assert max(float(figure) for figure in clocks.records.hvals("sq:rates")) <= 600_000
    assert clocks.claim(waits).queued_s >= 0


def a_worker_that_dies_with_its_job(clocks: Clocks, step: Step) -> None:
    clocks.beat(ttl_s=LEASE_S)
    job_id = clocks.submit()
    clocks.claim(job_id)
    step()
    assert job_id in clocks.pass_time(LEASE_S + 3)
    assert clocks.do(clocks.api.queue()).workers == []


def a_result_of_a_model_that_nobody_serves_any_more(clocks: Clocks, step: Step) -> None:
    clocks.beat(ttl_s=LEASE_S)
    clocks.worker.succeed(clocks.claim(clocks.submit(use_cache=True)), success())
    step()
    clocks.pass_time(LEASE_S + 31)
    again = clocks.submit(use_cache=True)
    assert clocks.do(clocks.api.read(again)).job.status == "queued"


def a_post_that_is_repeated(clocks: Clocks, step: Step) -> None:
    job_id = clocks.submit("key")
    step()
    clocks.pass_time(2)
    assert clocks.submit("key") == job_id
    assert clocks.do(clocks.api.read(job_id)).job.status == "queued"


STORIES = {
    story.__name__: story
    for story in (
        a_webhook_that_waits_for_its_next_try,
        a_webhook_whose_sender_died,
        a_sender_that_died,
        a_client_that_used_up_its_rate,
        a_suspect_that_a_worker_waited_for,
        a_doorbell_that_is_lost,
        a_low_job_behind_one_from_before,
        a_job_that_runs,
        a_worker_that_dies_with_its_job,
        a_result_of_a_model_that_nobody_serves_any_more,
        a_post_that_is_repeated,
    )
}


@pytest.mark.parametrize("by_s", [0, -HOUR_S, HOUR_S], ids=["no step", "an hour back", "an hour forward"])
@pytest.mark.parametrize("story", STORIES)
def test_an_hour_stops_nothing_and_loses_nothing(clocks: Clocks, story: str, by_s: float) -> None:
    STORIES[story](clocks, lambda: clocks.step(by_s))
