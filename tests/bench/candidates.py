"""Four candidates against one board alone: the same jobs, in turns, by the embedded model as a worker serves it.

A board alone is the job's first candidate, so its length is one of the four; the others' differ, and all are waited
for.
"""

from __future__ import annotations

import statistics
import sys
import time

from scriptqueue.schemas import MAX_CANDIDATES, JobRequest, Sampling
from shared.settings import Settings
from shared.store.executions import Claim
from tests.bench.report import Figure, write
from tests.bench.work import PROMPTS
from worker.attempt import Attempt
from worker.backend.model import ModelBackend
from worker.backend.storyboard import make_storyboard

JOBS = 3


def figures(model: str = "embedded") -> dict[str, Figure]:
    backend = ModelBackend.load(Settings(model={"name": model}, worker={"max_batch": MAX_CANDIDATES}))
    _written_s(backend, PROMPTS[0], 0, MAX_CANDIDATES)  # the template's pages are there from then on
    times: dict[int, list[float]] = {1: [], MAX_CANDIDATES: []}
    for seed, prompt in enumerate(PROMPTS[1 : JOBS + 1]):
        for count, seconds in times.items():
            seconds.append(_written_s(backend, prompt, seed, count))
            print(f"{count} candidates: {seconds[-1]:.1f} s", file=sys.stderr, flush=True)
    backend.close()
    one, four = (statistics.fmean(times[count]) for count in (1, MAX_CANDIDATES))
    return {
        "four_candidates_job_time": Figure(four, "s", one, four / one, "a job of four candidates against one alone")
    }


def _written_s(backend: ModelBackend, prompt: str, seed: int, count: int) -> float:
    request = JobRequest(
        prompt=prompt, target_duration_s=15, candidates=count, use_cache=False, sampling=Sampling(seed=seed)
    )
    start = time.monotonic()
    make_storyboard(Attempt(Claim("bench", "token", request, 1, 0.0)), backend)
    return time.monotonic() - start


if __name__ == "__main__":
    write(figures(*sys.argv[1:]), " ".join(["python -m tests.bench.candidates", *sys.argv[1:]]))
