"""A script that is refused in the middle changes nothing: each command of each script is refused once.

Redis takes nothing back of a script that fails: TFdream/blog#382, DavidBM/rsmq-async-rs#21; redis/redis#5153 (a disk
that cannot be written to refuses a script's writes).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from scriptqueue.schemas import Progress, Webhook
from shared.errors import OutputInvalid
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store.executions import Report, Resume
from shared.store.permissions import rule_of
from shared.store.record import failure_of
from shared.store.scripts import JOURNAL, LUA_FOLDER, ONLY_LOOK, SCRIPT_NAMES
from tests.integration.desk import MODEL, storyboard, success
from tests.integration.refusing_store import RefusingStore, Sides, as_user, beside

HOOK = Webhook(url="https://example.com/hook", events=["status", "scene", "done"])
PROGRESS = Progress(phase="writing", tokens=7, scenes_done=1, fraction=0.5)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    limits = {"rate_per_minute": 60, "max_active": 500, "weights": "ada:3", "keys": "ada:" + "k" * 32}
    return make_settings(api=limits, worker={"max_attempts": 2})


@pytest.fixture
def sides(settings: Settings, records: redis.Redis) -> Iterator[Sides]:
    sides = Sides(settings, RefusingStore(records))
    yield sides
    sides.close()


def report(claim: object, tokens: int = 7) -> Report:
    progress = PROGRESS.model_copy(update={"tokens": tokens})
    return Report(claim, progress, storyboard().scenes, Resume(1, 0, "f", (1, 2)))  # type: ignore[arg-type]


def failing(sides: Sides, claim: object) -> None:
    assert sides.worker.fail(claim, failure_of(OutputInvalid()), MODEL) == "failed"  # type: ignore[arg-type]


def a_job_and_its_webhook(sides: Sides) -> None:
    sides.beat()
    job_id = sides.submit("key", webhook=HOOK, priority="high")
    assert sides.submit("key", webhook=HOOK, priority="high") == job_id
    claim = sides.claim(job_id)
    sides.records.zadd("sq:senders", {"one that died": 1})
    first, second = sides.do(sides.outbox.take(8))
    sides.settle(first, 0, status=None, unwanted=False)
    sides.do(sides.outbox.put_back(second))
    assert sides.worker.renew([report(claim)]) == ["ok"]
    assert sides.worker.renew([report(claim, 8)]) == ["ok"]
    assert sides.worker.succeed(claim, success()) == "succeeded"
    for number, letter in enumerate(sides.do(sides.outbox.take(9))):
        sides.settle(letter, status=410, unwanted=number == 1)
    sides.do(sides.deliveries.send_again(job_id, "ada", None))
    sides.do(sides.outbox.leave())
    sides.do(sides.api.delete(job_id, "ada"))


def jobs_that_share(sides: Sides) -> None:
    sides.beat()
    low, follower, _ = (sides.submit(use_cache=True, priority="low", webhook=HOOK) for _ in range(3))
    high = sides.submit(use_cache=True, priority="high")
    claim = sides.claim(high)
    sides.worker.renew([report(claim)])
    failing(sides, claim)
    sides.sweep()
    claim = sides.claim(low)
    sides.records.sadd("sq:behind", f"{follower}  ", "nobody  ")
    sides.worker.renew([report(claim)])
    assert sides.worker.give_back(claim) == "queued"
    sides.do(sides.api.cancel(follower, "ada"))
    assert sides.worker.succeed(sides.claim(low), success()) == "succeeded"
    answered = sides.submit(use_cache=True)
    assert sides.do(sides.api.read(answered)).job.status == "succeeded"


def progress_that_takes_the_place_of_another(sides: Sides) -> None:
    leader, follower = (sides.submit(use_cache=True) for _ in range(2))
    claim = sides.claim(leader)
    refusing, sides.store.sabotage = sides.store.sabotage, RefusingStore.do
    for tokens in range(PROGRESS_KEPT):
        sides.worker.renew([report(claim, tokens)])
    sides.store.sabotage = refusing
    before = sides.records.xlen(f"sq:events:{follower}")
    sides.worker.renew([report(claim, PROGRESS_KEPT)])
    assert sides.records.xlen(f"sq:events:{follower}") == before


def leads_that_are_taken_over(sides: Sides) -> None:
    for prompt in ("森林", "大海"):
        leader, _ = (sides.submit(use_cache=True, prompt=prompt) for _ in range(2))
        claim = sides.claim(leader)
        sides.worker.renew([report(claim)])
        sides.do(sides.api.cancel(leader, "ada"))
        assert sides.worker.confirm_cancel(claim) == "canceled"
    assert len(sides.sweep()) == 2


def a_batch_that_is_canceled(sides: Sides) -> None:
    batch_id, ids = sides.batch(3, use_cache=True)
    sides.batch(2, priority="low")
    sides.claim(ids[0])
    sides.do(sides.api.batch(batch_id, "ada", cancel=True))


def cancels(sides: Sides) -> None:
    waits, runs = sides.submit(), sides.submit()
    claim = sides.claim(runs)
    for job_id in (waits, runs):
        sides.do(sides.api.cancel(job_id, "ada"))
    assert sides.worker.confirm_cancel(claim) == "canceled"
    claim = sides.claim(sides.submit())
    sides.do(sides.api.cancel(claim.job_id, "ada"))
    assert sides.worker.give_back(claim) == "canceled"


def a_worker_that_is_lost(sides: Sides) -> None:
    sides.beat()
    poison, other = sides.submit(use_cache=True, webhook=HOOK), sides.submit()
    sides.submit(use_cache=True)
    sides.claim(poison)
    sides.claim(other)
    for job_id in (poison, other):
        sides.records.zadd("sq:running", {job_id: 1})
    assert len(sides.sweep()) == 2
    sides.beat()
    sides.claim(other)
    for _ in range(2):
        sides.claim(poison, 1)
        sides.workers[1].release("crashes")
    assert sides.do(sides.api.read(poison)).job.status == "failed"
    sides.worker.release("none")
    sides.store.sync_call("exhume", id=poison)


def what_the_sweep_mends(sides: Sides) -> None:
    expires, rises, rung = sides.submit(webhook=HOOK), sides.submit(priority="low"), sides.submit()
    records = sides.records
    records.zadd("sq:expiring", {expires: 1})
    records.hset(f"sq:job:{rises}", "created", 1)
    records.hset(f"sq:job:{rung}", "rung", 1)
    for swept in (1, 9e14):  # the clock stepped forward, and back
        records.delete("sq:sweep-lock")
        records.set("sq:swept", int(swept))
        sides.worker.sweep()


def doorbells_that_are_left_over(sides: Sides) -> None:
    ended = [sides.submit() for _ in range(3)]
    for job_id in ended:
        sides.do(sides.api.cancel(job_id, "ada"))
    waits = sides.submit()
    assert [getattr(sides.worker.claim(job_id), "reason", "") for job_id in ended] == ["canceled"] * 3
    assert sides.claim(ended[0]).job_id == waits


def what_the_doctor_mends(sides: Sides) -> None:
    queued, ended, ghost = sides.submit(), sides.submit(), "0" * 36
    sides.worker.succeed(sides.claim(ended), success())
    sides.records.zrem("sq:queued:normal", queued)
    sides.records.zadd("sq:running", {queued: 1, ended: 1, ghost: 1})
    sides.records.persist(f"sq:job:{ended}")
    found = sides.store.sync_call("reconcile", repair=True, ids=[queued, ended, ghost])
    assert len(found) == 10
    for _ in range(2):
        sides.store.sync_call("ring", doorbells=[{"list": broker_lists()[0], "message": "m"}] * 2)


def jobs_that_no_replica_has(sides: Sides) -> None:
    alike: dict[str, Any] = {"use_cache": True, "webhook": HOOK}
    leader, follower = sides.submit("key", **alike), sides.submit(**alike)
    batch_id, ids = sides.batch(3)
    for job_ids, key, batch in (([leader], "key", ""), (ids, "", batch_id)):
        _, *stands = sides.store.sync_call("confirm", ids=[*job_ids, "0" * 36])
        assert stands == ["1"] * len(job_ids) + [""]
        assert sides.store.sync_call("withdraw", client="ada", key=key, batch=batch, ids=job_ids) == "ok"
    assert [key for key in sides.records.scan_iter() if leader in key or batch_id in key] == []
    assert sides.claim(follower).job_id == follower
    assert sides.store.sync_call("withdraw", client="ada", key="", batch="", ids=[follower]) == "started"
    assert sides.store.sync_call("withdraw", client="ada", key="", batch="", ids=[leader]) == "absent"


# Each with the scripts that it must meet; all together are all that change jobs.
STORIES: dict[Callable[[Sides], None], str] = {
    a_job_and_its_webhook: "beat claim delete deliveries finish renew settle submit take",
    jobs_that_share: "cancel catch_up claim finish give_back renew submit sweep",
    progress_that_takes_the_place_of_another: "renew",
    leads_that_are_taken_over: "cancel finish sweep",
    a_batch_that_is_canceled: "batch submit",
    cancels: "cancel finish give_back",
    a_worker_that_is_lost: "beat claim exhume release sweep",
    what_the_sweep_mends: "sweep",
    doorbells_that_are_left_over: "claim",
    what_the_doctor_mends: "reconcile ring",
    jobs_that_no_replica_has: "confirm withdraw",
}
PROGRESS_KEPT = 8  # of a follower: lua/sharing.lua
USER = "sq-loser"
WRITES = re.findall(r"function do_(\w+)", (LUA_FOLDER / f"{JOURNAL}.lua").read_text())
TAKING_BACK = {"persist", "xrange", "zscore"}
NOT_OF_A_JOB = {"incr", "lpop", "lpush", "rpush", "spop", "xdel", "zremrangebyscore"}  # `a_job` calls none of them
LOST = {
    **{f"+{command}": f"-{command}" for command in sorted({*map(str.lower, WRITES)} - NOT_OF_A_JOB | TAKING_BACK)},
    "every channel": "resetchannels",
    "Celery's channels": "resetchannels &sq:*",
    "our channels": "resetchannels &/0.celeryev/*",
    "all keys but records": "resetkeys ~sq:job:*",
    "all keys but records and what is removed": "resetkeys ~sq:job:* ~sq:removed:*",
    "the right to write": "resetkeys %R~sq:*",
}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_whichever_command_is_refused_nothing_has_changed(sides: Sides, story: Callable[[Sides], None]) -> None:
    story(sides)

    assert {*sides.store.refused} >= {*STORIES[story].split()}
    assert sides.store.refused.total() > 50


def test_the_stories_meet_each_script_that_changes_jobs() -> None:
    assert {*" ".join(STORIES.values()).split()} == {*SCRIPT_NAMES} - ONLY_LOOK


def a_job(sides: Sides) -> None:
    """Each script that a single job meets, on the shortest way."""
    sides.beat()
    claim = sides.claim(sides.submit("key", webhook=HOOK, use_cache=True))
    follower, other = sides.submit(use_cache=True), sides.submit(use_cache=True, priority="low")
    sides.worker.renew([report(claim)])
    sides.do(sides.api.cancel(follower, "ada"))
    assert sides.worker.succeed(claim, success()) == "succeeded"
    assert sides.do(sides.api.read(other)).job.status == "succeeded"
    sides.do(sides.api.delete(other, "ada"))
    sides.sweep()


@pytest.mark.parametrize("lost", LOST)
def test_a_user_who_loses_a_right_while_it_serves_leaves_nothing_half(
    settings: Settings, records: redis.Redis, redis_url: str, lost: str
) -> None:
    def ruled(rules: str) -> object:
        return records.execute_command("ACL", "SETUSER", USER, "reset", "on", ">x", *rules.split())

    url = redis_url.replace("redis://", f"redis://{USER}:x@")
    rules = rule_of(0)
    ruled(rules)
    losing = as_user(url, lambda: ruled(f"{rules} {LOST[lost]}"), lambda: ruled(rules))
    sides = Sides(settings, RefusingStore(records, losing))
    try:
        a_job(sides)
    finally:
        sides.close()
        records.acl_deluser(USER)
        records.acl_log_reset()

    assert sides.store.refused


def test_somebodys_own_data_under_one_of_our_keys_leaves_nothing_half(settings: Settings, records: redis.Redis) -> None:
    sides = Sides(settings, RefusingStore(records, RefusingStore.do))
    a_job(sides)
    kinds = {key: str(records.type(key)) for key in records.scan_iter("sq:*") if not re.search("[0-9a-f]{8}-", key)}
    assert len(kinds) > 15

    for key, kind in kinds.items():
        records.flushall()
        sides.store.sabotage = beside(records, key, kind)
        a_job(sides)
    sides.close()

    assert {*sides.store.refused} > {"submit", "claim", "finish", "cancel", "sweep", "beat"}
