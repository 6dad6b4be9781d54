"""Redis came back empty: who asks for a job of before learns that, and a stream of it ends with the reason."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import redis

from shared.settings import Settings
from shared.store import checks
from shared.store.submissions import FIGURES_FRESH_S
from tests.integration.api.serving import Serve

JOB = {"prompt": "森林", "use_cache": False}
BEGAN = re.compile(r"what was accepted before (\S+) is not in this store: it began then")


@pytest.fixture
def api(serve: Serve) -> httpx.Client:
    return serve()


def began(api: httpx.Client, path: str) -> datetime:
    """As a 404 has it."""
    problem = api.get(path).json()
    found = BEGAN.search(problem["detail"])
    assert found, problem
    return datetime.fromisoformat(found[1])


def test_a_job_of_before_is_told_from_one_that_never_was(
    api: httpx.Client, records: redis.Redis, redis_url: str
) -> None:
    job_id = api.post("/jobs", json=JOB).json()["id"]
    records.flushall()
    until_swept(records)

    since = began(api, f"/jobs/{job_id}")

    assert abs(datetime.now(UTC) - since) < timedelta(seconds=10)
    assert began(api, "/batches/00000000-0000-4000-8000-000000000000") == since
    findings = checks.examine(Settings(redis={"url": redis_url}))
    (store,) = [finding.message for finding in findings if finding.check == "store"]
    assert since.isoformat().replace("+00:00", "Z") in store


def test_a_stream_ends_with_the_reason(api: httpx.Client, records: redis.Redis) -> None:
    job_id = api.post("/jobs", json=JOB).json()["id"]
    with httpx.Client(base_url=api.base_url) as client, client.stream("GET", f"/jobs/{job_id}/events") as answer:
        lines = answer.iter_lines()
        next(line for line in lines if line.startswith("event:"))
        records.flushall()
        records.publish("sq:changed", job_id)

        assert [line for line in lines if line][-1].startswith(": ended: the job is not in the store any more")


def test_an_old_store_says_nothing_of_its_beginning(api: httpx.Client, records: redis.Redis) -> None:
    until_swept(records)
    seconds, _ = records.time()
    records.set("sq:began", (seconds - 8 * 86400) * 1000)
    time.sleep(FIGURES_FRESH_S)

    assert not BEGAN.search(api.get("/jobs/00000000-0000-4000-8000-000000000000").json()["detail"])


def until_swept(records: redis.Redis) -> None:
    while not records.exists("sq:began"):
        records.delete("sq:sweep-lock")
    time.sleep(FIGURES_FRESH_S)
