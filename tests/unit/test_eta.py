"""When a job will start and end, as arithmetic: held against a queue that is played through job by job."""

from __future__ import annotations

import heapq
import random
from dataclasses import replace

import pytest

from scriptqueue.schemas import JobRequest, Priority, Sampling
from shared.eta import Place, QueueLoad, Rated, RunningJob, cost_of
from shared.workers import WorkerState

NOTHING: dict[Priority, int] = {"high": 0, "normal": 0, "low": 0}
WORKER = WorkerState("w", "ready", "test", "cpu", "bf16", slots=2)


def figures(*running: RunningJob, rated: tuple[Rated, ...] = (Rated(WORKER, 0.1),), normal: int = 0) -> QueueLoad:
    return QueueLoad({**NOTHING, "normal": normal}, {**NOTHING, "normal": normal * 100}, running, rated)


def test_a_job_with_a_free_row_takes_as_long_as_it_writes() -> None:
    place = Place(position=2, work=100, running=0)

    assert figures().start_s(place) == 0
    assert figures().eta_s(place, cost=100) == 10


def test_without_a_ready_worker_or_anything_measured_nothing_is_told() -> None:
    place = Place(position=1, work=0, running=0)

    assert figures(rated=()).eta_s(place, 100) is None
    assert figures(rated=(Rated(replace(WORKER, state="loading"), 0.1),)).eta_s(place, 100) is None
    assert figures(rated=(Rated(WORKER, None),)).eta_s(place, 100) is None


def test_before_any_job_has_ended_the_progress_of_those_that_run_says_how_fast_it_goes() -> None:
    unmeasured, measured = RunningJob(100, ran_s=1, fraction=0.0), RunningJob(100, ran_s=5, fraction=0.5)
    place = Place(position=1, work=0, running=2)

    assert figures(unmeasured, unmeasured, rated=(Rated(WORKER, None),)).start_s(place) is None
    assert figures(unmeasured, measured, rated=(Rated(WORKER, None),)).token_s == pytest.approx(0.1)


def test_the_next_job_starts_when_the_first_row_is_free() -> None:
    place = Place(position=1, work=0, running=2)

    assert figures(RunningJob(100, 4, 0), RunningJob(100, 9, 0)).start_s(place) == pytest.approx(1.0)


def test_what_runs_longer_than_expected_is_thought_to_end_soon() -> None:
    start_s = figures(RunningJob(100, 500, 0.99), RunningJob(100, 700, 0.99)).start_s(Place(1, 0, 2))

    assert start_s is not None
    assert 0 < start_s <= 1


def test_jobs_that_started_since_the_figures_were_taken_count() -> None:
    stale, fresh = figures(), figures(RunningJob(100, 0, 0), RunningJob(100, 0, 0))
    place = Place(position=11, work=1000, running=2)

    assert stale.start_s(place) == fresh.start_s(place)


def test_a_fast_worker_beside_a_slow_one_takes_most_of_the_work() -> None:
    slow = Rated(replace(WORKER, worker="slow"), 0.4)

    assert figures(rated=(Rated(WORKER, 0.1), slow)).token_s == pytest.approx(0.16)


def test_a_new_job_stands_behind_those_of_its_priority_and_above() -> None:
    depth, work = {"high": 2, "normal": 3, "low": 4}, {"high": 20.0, "normal": 30.0, "low": 40.0}
    queue = QueueLoad(depth, work, (), ())  # type: ignore[arg-type]

    assert queue.last("high") == Place(3, 20, 0)
    assert queue.last("normal") == Place(6, 50, 0)
    assert queue.last("low") == Place(10, 90, 0)


@pytest.mark.parametrize("rows", [1, 2, 8])
@pytest.mark.parametrize("spread", [0.0, 0.5, 0.9])
def test_the_estimate_is_near_what_playing_the_queue_through_gives(rows: int, spread: float) -> None:
    """Jobs of `spread` around 10 s, all at once: the median error of 200 starts, over 20 such queues."""
    chance, errors = random.Random(1), []
    worker = Rated(replace(WORKER, slots=rows), 0.1)
    for _ in range(20):
        takes_s = [chance.uniform(10 * (1 - spread), 10 * (1 + spread)) for _ in range(200)]
        free_s = [0.0] * rows
        for number, job_s in enumerate(takes_s):
            start_s = heapq.heappop(free_s)
            heapq.heappush(free_s, start_s + job_s)
            estimate_s = figures(rated=(worker,)).start_s(Place(number + 1, 100 * number, 0))
            assert estimate_s is not None
            errors.append(abs(estimate_s - start_s) / (start_s + job_s))

    assert sorted(errors)[len(errors) // 2] < 0.1


def test_more_scenes_cost_more_and_a_budget_is_a_limit() -> None:
    few, many = JobRequest(prompt="x", max_scenes=3), JobRequest(prompt="x", min_scenes=12, max_scenes=20)
    fixed = JobRequest(prompt="x", max_scenes=20, target_duration_s=15)
    short = JobRequest(prompt="x", min_scenes=3, max_scenes=20, sampling=Sampling(max_new_tokens=90))

    assert cost_of(few) == cost_of(fixed) < cost_of(many)
    assert cost_of(short) == 90


def test_candidates_take_rows_and_not_more_time() -> None:
    four = replace(WORKER, slots=4)
    rated, alone = (Rated(four, 0.1),), Place(position=1, work=0, running=0)
    runs = figures(RunningJob(400, 4, 0.4, rows=4), rated=rated)

    assert figures(rated=rated).eta_s(alone, cost=400, rows=4) == 10
    assert figures(rated=(Rated(replace(WORKER, slots=1), 0.1),)).eta_s(alone, cost=400, rows=4) == 40
    assert runs.start_s(Place(position=1, work=0, running=1)) == pytest.approx(6)
    assert figures(RunningJob(300, 4, 0.4, rows=3), rated=rated).start_s(Place(1, 0, 1)) == 0
    assert figures(RunningJob(400, 5, 0.5, rows=4), rated=(Rated(four, None),)).token_s == pytest.approx(0.1)


def test_a_job_of_candidates_costs_what_all_of_them_do() -> None:
    one = JobRequest(prompt="x", sampling=Sampling(max_new_tokens=100))

    assert cost_of(one.model_copy(update={"candidates": 4})) == 4 * cost_of(one) == 400
