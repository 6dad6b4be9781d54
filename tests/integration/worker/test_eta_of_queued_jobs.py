"""The ETA of jobs that wait for a real worker. How near it comes over a hundred jobs, tests/bench/eta.py measures."""

from __future__ import annotations

import statistics
from typing import Any

import httpx

from tests.bench.eta import errors
from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import done, running, submit, until


def test_what_a_queued_job_is_told_is_near_what_becomes_of_it(api: httpx.Client, start_worker: StartWorker) -> None:
    start_worker(worker__max_batch=2)
    lengths = iter([0.1, 0.3, 0.5] * 10)

    def job(_: Any) -> dict[str, Any]:
        return {"prompt": "x", "metadata": {"stub": {"seconds": next(lengths)}}}

    ours, _ = errors(api, job, count=18, first=6)

    assert statistics.median(ours) < 0.5  # on a machine with nothing else to do it is a tenth of that


def test_the_first_job_ever_gets_an_eta_from_the_progress_of_the_one_before_it(
    api: httpx.Client, start_worker: StartWorker
) -> None:
    start_worker(worker__max_batch=1)
    first = submit(api, stub={"seconds": 4})
    running(api, first)
    second = submit(api)

    eta_s = until(lambda: (api.get(f"/jobs/{second}").json()["queue"] or {}).get("eta_s"), what="an ETA")

    assert eta_s > 0
    assert not done(api, first)["error"]
