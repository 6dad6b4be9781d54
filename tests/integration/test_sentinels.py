"""A primary with a replica and three Sentinels: a service given their addresses follows a failover, planned or not.

celery/celery#6348 (a worker that never follows), celery/kombu#813, celery/celery#5538 (the first Sentinel is down).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.settings import Settings
from shared.store import checks
from shared.store.redis_server import require_fit
from tests.integration.failing_over import Sentinels, Server, pair
from tests.integration.worker.conftest import api_of
from tests.integration.worker.processes import done, forked_worker, submit, until

pytestmark = pytest.mark.slow
AGAIN_S = 15.0  # until a POST is taken again


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Sentinels, Server, Server]]:
    with pair(tmp_path) as (first, second):
        sentinels = Sentinels(tmp_path, first.place)
        yield sentinels, first, second
        sentinels.close()


@pytest.mark.parametrize("planned", [True, False])
def test_a_service_follows_the_primary_that_sentinels_name(
    watched: tuple[Sentinels, Server, Server], tmp_path: Path, planned: bool
) -> None:
    sentinels, first, second = watched
    settings = Settings(redis={"url": sentinels.url}, worker={"lease_s": 2})
    require_fit(settings)
    worker = forked_worker(sentinels.url, tmp_path / "w.log", model__name="stub", worker__metrics_port=0)
    try:
        with api_of(settings) as api:
            until(lambda: api.get("/readyz").status_code == 200, what="a worker is ready")
            before = done(api, submit(api))
            until(lambda: second.client.exists(f"sq:job:{before['id']}"), what="the replica has it")
            begun = time.monotonic()
            if planned:
                sentinels.fail_over()
            else:
                first.process.kill()
            until(lambda: sentinels.primary() == second.place, 30, what="the Sentinels promote the other")

            job_id = until(lambda: kept(api, second), 30, what="a POST is taken by the new primary")
            taken_s = time.monotonic() - begun
            after = done(api, job_id)
            assert after["status"] == "succeeded"
            assert api.get(f"/jobs/{before['id']}").json() == before
    finally:
        worker.close()

    assert taken_s < AGAIN_S
    assert second.client.exists(f"sq:job:{after['id']}") == 1
    (redis,) = [finding.message for finding in checks.examine(settings) if finding.check == "redis"]
    assert redis == f"{settings.redis.address.place} answers"


def kept(api: httpx.Client, server: Server) -> str | None:
    """The id of a new job that this server has. What the old primary takes after the other's promotion is lost."""
    answer = api.post("/jobs", json={"prompt": "x", "use_cache": False})
    job_id = str(answer.json().get("id"))
    return job_id if answer.status_code == 202 and server.client.exists(f"sq:job:{job_id}") else None
