"""`python -m worker`: a real supervisor, its worker process, and what becomes of jobs when that dies.

Leases last a minute here, so that only the supervisor can have given a job back.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import ROOT, Process, done, running, submit, until
from worker.supervisor import blame_of


@pytest.fixture
def supervised(start_worker: StartWorker, api: httpx.Client) -> Process:
    return ready(start_worker, api)


def ready(start_worker: StartWorker, api: httpx.Client, **settings: object) -> Process:
    process = start_worker(supervised=True, worker__lease_s=60, **settings)
    until(lambda: api.get("/readyz").status_code == 200, what="a worker is ready")
    return process


def worker_pid(api: httpx.Client) -> int:
    (worker,) = api.get("/queue").json()["workers"]
    return int(worker["worker"].split(":")[1])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_workers_job_waits_again_at_once_and_finishes(api: httpx.Client, supervised: Process) -> None:
    job_id = submit(api, stub={"seconds": 1})
    running(api, job_id)
    killed = time.monotonic()

    os.kill(worker_pid(api), signal.SIGKILL)

    until(lambda: api.get(f"/jobs/{job_id}").json()["status"] == "queued", 2, "given back")
    given_back_s = time.monotonic() - killed
    running(api, job_id)
    print(f"given back after {given_back_s:.2f} s, runs again after {time.monotonic() - killed:.2f} s")
    job = done(api, job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)


def test_a_second_worker_takes_the_jobs_over_at_once(
    api: httpx.Client, supervised: Process, start_worker: StartWorker
) -> None:
    job_id = submit(api, stub={"seconds": 30})
    running(api, job_id)
    pid = worker_pid(api)
    start_worker(worker__lease_s=60)
    until(lambda: len(api.get("/queue").json()["workers"]) == 2, what="a second worker")
    until(lambda: {w["state"] for w in api.get("/queue").json()["workers"]} == {"ready"}, what="it is ready")
    if api.get(f"/jobs/{job_id}").json()["done"]:
        pytest.fail("the second worker was too slow to start")
    killed = time.monotonic()

    os.kill(pid, signal.SIGKILL)

    until(lambda: (job := api.get(f"/jobs/{job_id}").json())["attempt"] == 2 and job["status"] == "running", 5)
    print(f"runs elsewhere after {time.monotonic() - killed:.2f} s")


def test_a_poison_fails_alone_and_its_neighbours_finish(api: httpx.Client, supervised: Process) -> None:
    poison = submit(api, stub={"crash": True, "seconds": 0.3})
    neighbours = [submit(api, stub={"seconds": 1}) for _ in range(5)]

    lost = done(api, poison)
    assert (lost["status"], lost["error"]["code"], lost["attempt"]) == ("failed", "worker_lost", 3)
    assert {done(api, job_id)["status"] for job_id in neighbours} == {"succeeded"}
    assert done(api, submit(api))["status"] == "succeeded"


def test_sigterm_drains_the_worker_and_ends_both(api: httpx.Client, supervised: Process) -> None:
    job_id = submit(api, stub={"seconds": 1.5})
    running(api, job_id)
    pid = worker_pid(api)

    supervised.terminate()

    assert supervised.wait() == 0
    assert not alive(pid)
    assert api.get(f"/jobs/{job_id}").json()["status"] == "succeeded"


def test_a_worker_that_does_not_drain_is_killed_and_its_job_given_back(
    api: httpx.Client, start_worker: StartWorker
) -> None:
    process = ready(start_worker, api, worker__drain_s=0)
    job_id = submit(api, stub={"seconds": 30})
    running(api, job_id)
    os.kill(worker_pid(api), signal.SIGSTOP)

    process.terminate()

    assert process.wait(10) == 0  # nothing is amiss: orchestrators would count it as a failure
    assert api.get(f"/jobs/{job_id}").json()["status"] == "queued"


def test_a_worker_that_ends_by_itself_is_not_replaced(api: httpx.Client, supervised: Process) -> None:
    os.kill(worker_pid(api), signal.SIGTERM)

    assert supervised.wait() == 0


@pytest.mark.parametrize(
    ("name", "value", "beginning"),
    [("model__name", "no-such-model", "scriptqueue worker:"), ("worker__max_batch", "0", "scriptqueue:")],
)
def test_what_cannot_serve_at_all_ends_with_one_line_and_no_second_try(
    start_worker: StartWorker, name: str, value: str, beginning: str
) -> None:
    process = start_worker(supervised=True, **{name: value})

    assert process.wait() == 78
    assert len([line for line in process.log_text.splitlines() if line.startswith(beginning)]) == 1
    assert process.log_text.count("starts") <= 1
    assert ("another one would end the same way" in process.log_text) == (name == "model__name")  # there was one
    assert "Traceback" not in process.log_text


def test_the_worker_does_not_outlive_its_supervisor(api: httpx.Client, supervised: Process) -> None:
    pid = worker_pid(api)

    supervised.kill()

    until(lambda: not alive(pid), 5, "the worker is gone")


def test_the_supervisor_loads_no_torch_and_no_worker_app() -> None:
    code = "import worker.supervisor, sys; sys.exit(bool({'torch', 'transformers', 'worker.app'} & sys.modules.keys()))"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("code", "blame"),
    [
        *((code, "crashes") for code in (70, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE)),
        *((code, "lapses") for code in (1, -signal.SIGKILL, -signal.SIGINT)),
        *((code, "none") for code in (0, 78, -signal.SIGTERM)),
    ],
)
def test_only_a_crash_is_held_against_the_job(code: int, blame: str) -> None:
    assert blame_of(code) == blame
