"""Two deployments on one database, each with its REDIS__PREFIX: neither sees, rings or harms the other.

celery/kombu#853 (one Redis, two projects), python-arq/arq#436.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from shared.broker import celery_app
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store import checks
from shared.store.executions import Claim, Executions, Refused
from tests.integration.desk import Desk
from tests.integration.worker.conftest import api_of
from tests.integration.worker.processes import done, forked_worker, submit, until

PREFIXES = ("blue:", "green:", "")


@pytest.fixture
def stacks(make_settings: Callable[..., Settings], redis_url: str) -> list[Settings]:
    return [make_settings(redis={"url": redis_url, "prefix": prefix}) for prefix in PREFIXES]


def test_no_store_knows_the_others_jobs(stacks: list[Settings], records: redis.Redis) -> None:
    ids = [Desk(settings).submit() for settings in stacks]
    workers = [Executions(settings, "w") for settings in stacks]
    try:
        assert [worker.claim(ids[0]) for worker in workers[1:]] == [Refused("unknown")] * 2
        assert isinstance(workers[0].claim(ids[0]), Claim)
        with celery_app.make_app(stacks[1], patient=False) as app:
            celery_app.ring(app, ids[1], "normal")
        for prefix, settings in zip(PREFIXES, stacks, strict=True):
            (jobs,) = [finding.message for finding in checks.examine(settings) if finding.check == "jobs"]
            assert jobs == ("0 wait, 1 run" if prefix == "blue:" else "1 wait, 0 run")
            doorbells = sum(records.llen(name) for name in broker_lists(prefix))
            assert doorbells == (prefix == "green:")
    finally:
        for worker in workers:
            worker.close()
    assert {key for key in records.scan_iter() if not key.startswith(("blue:", "green:", "sq:"))} == set()


@pytest.mark.slow
def test_two_services_run_side_by_side(
    stacks: list[Settings], redis_url: str, tmp_path: Path, records: redis.Redis
) -> None:
    stub: dict[str, Any] = {"model__name": "stub", "worker__metrics_port": 0}
    workers = [
        forked_worker(redis_url, tmp_path / f"{number}.log", **stub, redis__prefix=prefix)
        for number, prefix in enumerate(PREFIXES[:2])
    ]
    try:
        with api_of(stacks[0]) as blue, api_of(stacks[1]) as green:
            for api in (blue, green):
                until(lambda api=api: api.get("/readyz").status_code == 200, what="a worker is ready")
            job_id = submit(blue)
            assert done(blue, job_id)["status"] == "succeeded"
            assert green.get(f"/jobs/{job_id}").status_code == 404
            assert [len(api.get("/queue").json()["workers"]) for api in (blue, green)] == [1, 1]
            for settings in stacks[:2]:
                with celery_app.make_app(settings, patient=True) as app:
                    assert len(app.control.inspect(timeout=3).ping() or {}) == 1
            records.lpush("blue:sq:jobs", "garbage")
            until(lambda: records.llen("blue:sq:quarantine") == 1, what="it is set aside")
            assert {str(channel).partition(":")[0] for channel in records.pubsub_channels()} == {"blue", "green"}
    finally:
        for worker in workers:
            worker.close()

    assert {key.partition(":")[0] for key in records.scan_iter()} == {"blue", "green"}
