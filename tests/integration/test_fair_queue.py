"""Clients share a priority by their weights, whoever queued more, and places and waits are told accordingly."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from scriptqueue.schemas import JobRequest, Priority
from shared.errors import DeadlineTooSoon
from shared.settings import Settings
from shared.store.executions import Claim, Executions
from shared.workers import WorkerState
from tests.integration.desk import Desk, claimed, success, sweep_as_if_alone

WEIGHTS = {"ada": 1, "bob": 2, "cyd": 3, "dan": 4, "eve": 10}
MakeSettings = Callable[..., Settings]


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    keys = ",".join(f"{client}:key of {client}" for client in WEIGHTS)
    weights = ",".join(f"{client}:{weight}" for client, weight in WEIGHTS.items())
    return make_settings(api={"keys": keys, "weights": weights, "max_queued": 20_000})


@pytest.fixture
def even(make_settings: MakeSettings) -> Desk:
    """The same clients, none before the others."""
    return Desk(make_settings(api={"max_queued": 20_000}))


def submit(desk: Desk, client: str, count: int = 1, **fields: Any) -> list[str]:
    """In batches; in the order in which their doorbells are rung."""
    ids: list[str] = []
    while len(ids) < count:
        requests = [JobRequest(**{"prompt": "x", "use_cache": False, **fields})] * min(1000, count - len(ids))
        ids += desk.do(lambda s, requests=requests: s.submit_batch(requests, client)).job_ids  # type: ignore[misc]
    return ids


def places(desk: Desk, ids: list[str]) -> list[int]:
    return [place.position for job_id in ids if (place := desk.job(job_id).queue)]


def started(worker: Executions, doorbells: Iterator[str] | list[str]) -> list[str]:
    """The jobs that run, one after another, as the doorbells come."""
    return [claim.job_id for job_id in doorbells if isinstance(claim := worker.claim(job_id), Claim)]


def test_weights_are_honoured_within_five_percent(desk: Desk, worker: Executions) -> None:
    owner = {job_id: client for client in WEIGHTS for job_id in submit(desk, client, 400)}

    first = Counter(owner[job_id] for job_id in started(worker, list(owner)[:700]))

    whole = sum(WEIGHTS.values())
    for client, weight in WEIGHTS.items():
        assert first[client] == pytest.approx(700 * weight / whole, rel=0.05, abs=1), client


def test_every_job_of_all_clients_runs_once_by_the_doorbells_that_were_rung(
    desk: Desk, worker: Executions, redis_url: str
) -> None:
    ids = [job_id for client in WEIGHTS for job_id in submit(desk, client, 40)]

    assert sorted(started(worker, ids)) == sorted(ids)
    with redis.Redis.from_url(redis_url) as client:
        assert [key for name in ("turns", "owed", "waiting", "back") for key in client.keys(f"sq:{name}:*")] == []


def test_a_single_job_beside_ten_thousand_of_another_is_the_next(even: Desk, worker: Executions) -> None:
    many = submit(even, "ada", 10_000)
    started(worker, many[:8])  # every row is taken
    (single,) = submit(even, "bob")

    assert places(even, [single, many[8], many[9], many[-1]]) == [1, 2, 3, 9993]
    assert started(worker, many[8:10]) == [single, many[8]]


def test_a_job_that_costs_more_counts_for_more(even: Desk, worker: Executions) -> None:
    long = submit(even, "ada", 40, min_scenes=19, max_scenes=19)
    short = submit(even, "bob", 40, min_scenes=4, max_scenes=4)  # a quarter

    first = started(worker, (long + short)[:25])

    assert sum(job_id in long for job_id in first) == 5


@pytest.mark.parametrize(
    "counts", [(3, 5, 2, 0, 9), (1, 1, 1, 1, 1), (20, 1, 0, 0, 1), (0, 0, 7, 0, 0), (30, 30, 30, 30, 30)]
)
def test_the_positions_are_the_order_in_which_jobs_start(
    desk: Desk, worker: Executions, counts: tuple[int, ...]
) -> None:
    rung = [job for client, count in zip(WEIGHTS, counts, strict=True) if count for job in submit(desk, client, count)]
    expected = dict(zip(rung, places(desk, rung), strict=True))

    assert [expected[job_id] for job_id in started(worker, rung)] == list(range(1, len(rung) + 1))


@pytest.mark.parametrize("client", WEIGHTS)
@pytest.mark.parametrize("priority", ["high", "normal"])
def test_the_figures_tell_the_place_that_a_new_job_gets(desk: Desk, client: str, priority: Priority) -> None:
    for other, count in (("ada", 3), ("cyd", 9), ("eve", 25)):
        submit(desk, other, count)
    submit(desk, "bob", 2, priority="high", max_scenes=20)

    place = desk.do(lambda s: s.queue()).last(priority, client, WEIGHTS[client])

    assert places(desk, submit(desk, client, priority=priority)) == [place.position]


def test_with_one_client_every_doorbell_leads_to_its_own_job(even: Desk, worker: Executions) -> None:
    ids = submit(even, "anonymous", 6)
    shuffled = [ids[number] for number in (3, 0, 5, 1, 4, 2)]

    assert started(worker, shuffled) == shuffled


def test_what_a_client_canceled_does_not_count_against_it(even: Desk, worker: Executions) -> None:
    doorbells = submit(even, "ada", 30) + submit(even, "bob", 30)
    for job_id in doorbells[:29]:
        even.cancel(job_id)

    assert started(worker, doorbells[29:30]) == [doorbells[29]]


def test_who_was_away_has_saved_nothing_and_owes_nothing(even: Desk, worker: Executions) -> None:
    doorbells = submit(even, "ada", 20)
    started(worker, doorbells[:20])
    doorbells = submit(even, "ada", 10) + submit(even, "bob", 10)
    owner = dict.fromkeys(doorbells[:10], "ada") | dict.fromkeys(doorbells[10:], "bob")

    assert Counter(owner[job_id] for job_id in started(worker, doorbells[:10])) == {"ada": 5, "bob": 5}


def test_a_job_given_back_runs_before_those_that_had_no_turn_and_is_not_paid_twice(
    even: Desk, worker: Executions, rival: Executions
) -> None:
    ada, bob = submit(even, "ada", 4), submit(even, "bob", 4)
    claims = [claimed(worker, ada[0]), claimed(worker, ada[1])]  # the second doorbell leads to bob's
    assert [claim.job_id for claim in claims] == [ada[0], bob[0]]

    for claim in claims:
        assert worker.give_back(claim) == "queued"

    assert places(even, [ada[0], bob[0], ada[1], bob[1]]) == [1, 2, 3, 4]
    assert started(rival, [ada[0], bob[0], ada[2], ada[3]]) == [ada[0], bob[0], ada[1], bob[1]]


def test_an_aged_doorbell_serves_its_priority_and_is_rung_again_for_its_job(
    even: Desk, worker: Executions, redis_url: str
) -> None:
    """A slow device would else work through what one client queued first, job by job as they age."""
    ada, (bob,) = submit(even, "ada", 50), submit(even, "bob")
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("sq:jobs/1", "doorbells that still wait")
        for job_id in ada:
            client.hincrby(f"sq:job:{job_id}", "created", -70_000)
    started(worker, ada[:1])

    (aged,) = [ring.job_id for ring in sweep_as_if_alone(worker, redis_url)]
    assert aged == ada[1]
    assert started(worker, [aged]) == [bob]
    assert [(ring.job_id, ring.priority) for ring in sweep_as_if_alone(worker, redis_url)] == [(aged, "high")]


def test_jobs_of_an_older_version_are_served_and_what_it_took_is_passed_over(
    even: Desk, worker: Executions, redis_url: str
) -> None:
    ada, bob = submit(even, "ada", 3), submit(even, "bob", 3)
    with redis.Redis.from_url(redis_url) as client:  # as it left them: in the queue alone
        client.delete("sq:queued-of:normal:ada", "sq:turns:normal", "sq:waiting:normal", "sq:virtual:normal")
        client.zrem("sq:queued:normal", bob[0])  # and its worker has claimed this one
        client.hset(f"sq:job:{bob[0]}", "status", "running")
    assert places(even, ada) == [1, 2, 3]

    assert sorted(started(worker, [*ada, *bob])) == sorted([*ada, *bob[1:]])


def test_followers_take_no_share_of_their_own(even: Desk, worker: Executions) -> None:
    alike = submit(even, "ada", 30, use_cache=True)
    other, bob = submit(even, "ada", 2), submit(even, "bob", 2)

    assert places(even, [alike[0], alike[29], bob[0], other[0]]) == [1, 1, 2, 3]
    assert started(worker, [alike[0], other[0]]) == [alike[0], bob[0]]


def test_a_deadline_is_held_against_the_clients_own_turn(even: Desk, worker: Executions, redis_url: str) -> None:
    worker.beat(WorkerState("worker-a", "ready", "m", "cpu", "fp32", slots=1), ttl_s=60)
    with redis.Redis.from_url(redis_url) as client:
        client.hset("sq:rates", mapping={"m fp32 cpu ms": 1000, "m fp32 cpu cost": 100})  # 10 ms a token, 3 s a job
    many = submit(even, "ada", 100)
    started(worker, many[:1])
    soon = datetime.now(UTC) + timedelta(seconds=30)

    with pytest.raises(DeadlineTooSoon):
        submit(even, "ada", deadline=soon)
    assert places(even, submit(even, "bob", deadline=soon)) == [1]


def test_no_doorbell_is_rung_again_because_another_client_was_served(
    even: Desk, worker: Executions, redis_url: str
) -> None:
    ada = submit(even, "ada", 200)
    bob = submit(even, "bob", 200)
    started(worker, ada[:100])
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("sq:jobs/1", "doorbells that still wait")
        for job_id in itertools.chain(ada, bob):
            client.hset(f"sq:job:{job_id}", "rung", 1)

    assert sweep_as_if_alone(worker, redis_url) == []


def test_steady_clients_share_while_both_keep_their_lines_full(desk: Desk, worker: Executions) -> None:
    """A client that queues one job at a time gets its share, and no more."""
    doorbells = deque(submit(desk, "eve", 300))
    (own,) = submit(desk, "ada")
    doorbells.append(own)
    count = 0
    for _ in range(110):
        claim = claimed(worker, doorbells.popleft())
        worker.succeed(claim, success())
        if claim.job_id == own:
            count += 1
            (own,) = submit(desk, "ada")
            doorbells.append(own)

    assert count == pytest.approx(10, abs=1)  # one of eleven
