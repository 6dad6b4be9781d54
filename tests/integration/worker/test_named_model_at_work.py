"""A worker process hears the doorbells of jobs that name its model, beside those of jobs that name none."""

from __future__ import annotations

import httpx
import redis

from shared.keys import NAMED
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store.executions import Executions
from shared.workers import WorkerState
from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import done, submit, until


def test_named_and_other_jobs_are_written_in_turn_and_anothers_model_waits(
    api: httpx.Client, start_worker: StartWorker, redis_url: str
) -> None:
    absent = Executions(Settings(redis={"url": redis_url}), "absent")
    absent.beat(WorkerState("absent", "ready", "another", "cpu", "fp32", slots=1), ttl_s=60)
    absent.release("none")
    start_worker(worker__max_batch=1)
    until(lambda: api.get("/readyz").status_code == 200, 20, "the worker is ready")

    foreign = submit(api, prompt="x", model="another")
    jobs = [submit(api, prompt=f"{number}", model=model) for number in range(4) for model in (None, "stub")]

    assert {done(api, job)["status"] for job in jobs} == {"succeeded"}
    assert api.get(f"/jobs/{foreign}").json()["queue"]["waits_for"] == "a worker that serves another"
    assert api.get("/queue").json()["unserved"] == {"another": 1}
    refused = api.post("/jobs", json={"prompt": "x", "model": "nobody's"}).json()
    assert (refused["code"], refused["status"]) == ("no_such_model", 422)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert client.llen(broker_lists(model="another")[1]) == 1  # untouched by others
        until(lambda: client.smembers(NAMED) == {"another"}, 5, "the empty lane is forgotten")
