"""How near the ETA comes that a job is told at submit: a hundred jobs of varied lengths on a stub worker's process.

`python -m tests.bench.eta` prints the median error; the simplest rule, jobs before it / rows times the mean time of a
job, is the baseline over the same jobs.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from tests.bench.report import Figure, write
from tests.integration.worker import processes
from tests.stub_service import service

JOBS, FIRST, ROWS = 100, 24, 8
Job = dict[str, Any]


def any_length(chance: random.Random) -> Job:
    """0.2 to 1.8 s, whatever was asked for: nothing in the request tells."""
    return {"prompt": "x", "metadata": {"stub": {"seconds": chance.uniform(0.2, 1.8)}}}


def by_scenes(chance: random.Random) -> Job:
    """0.08 to 0.12 s a scene, 3 to 20 scenes: the request tells roughly."""
    scenes = chance.randint(3, 20)
    seconds = scenes * chance.uniform(0.08, 0.12)
    return {"prompt": "x", "min_scenes": scenes, "max_scenes": scenes, "metadata": {"stub": {"seconds": seconds}}}


WORKLOADS = {"any_length": any_length, "by_scenes": by_scenes}


def figures() -> dict[str, Figure]:
    found = {}
    for name, lengths in WORKLOADS.items():
        with service(worker__max_batch=ROWS) as url, httpx.Client(base_url=url, timeout=70, trust_env=False) as api:
            ours, simple = errors(api, lengths, JOBS, FIRST)
        found[f"eta_error_{name}"] = Figure(
            100 * statistics.median(ours),
            "%",
            100 * statistics.median(simple),
            statistics.median(ours) / statistics.median(simple),
            f"median error of the ETA told at submit, {JOBS} jobs queued at once on {ROWS} rows",
        )
    return found


def errors(
    api: httpx.Client, lengths: Callable[[random.Random], Job], count: int, first: int
) -> tuple[list[float], list[float]]:
    """Relative errors of the told ETAs, and of the simple rule's, after `first` jobs were measured."""
    chance = random.Random(11)
    measured = [ended(api, job) for job in posted(api, lengths, chance, first)]
    mean_s = statistics.mean(took_s(job, "started_at") for job in measured)
    jobs = posted(api, lengths, chance, count)
    ours, simple = [], []
    for number, job in enumerate(jobs):
        actual_s = took_s(ended(api, job), "created_at")
        assert job["queue"]["eta_s"] is not None
        ours.append(abs(job["queue"]["eta_s"] - actual_s) / actual_s)
        simple.append(abs((math.floor(number / ROWS) + 1) * mean_s - actual_s) / actual_s)
    return ours, simple


def posted(api: httpx.Client, lengths: Callable[[random.Random], Job], chance: random.Random, count: int) -> list[Job]:
    return [
        api.post("/jobs", json={**lengths(chance), "use_cache": False}).raise_for_status().json() for _ in range(count)
    ]


def ended(api: httpx.Client, job: Job) -> Job:
    return processes.done(api, job["id"], within_s=120)


def took_s(job: Job, since: str) -> float:
    return (datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job[since])).total_seconds()


if __name__ == "__main__":
    write(figures(), "python -m tests.bench.eta")
