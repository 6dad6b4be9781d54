"""A queue of 100,000 jobs beside an empty one, and what a job takes of Redis."""

from __future__ import annotations

import asyncio
import statistics
import time

import redis

from api.http.auth import ANONYMOUS
from scriptqueue.schemas import JobRequest
from shared.broker.messages import Doorbells
from shared.settings import Settings
from shared.store.connection import Store
from shared.store.executions import Claim, Executions
from shared.store.submissions import Submissions
from tests.bench import stage
from tests.bench.load import load
from tests.bench.report import Figure
from tests.bench.stage import BODY, in_turns

JOBS, BATCH, CLAIMS = 100_000, 1000, 100
SECONDS = 2.0


def figures() -> dict[str, Figure]:
    with stage.redis() as deep_redis, stage.redis() as empty_redis:
        bytes_a_job, deep_ids = asyncio.run(_seeded(deep_redis, JOBS))
        _, empty_ids = asyncio.run(_seeded(empty_redis, CLAIMS * stage.ROUNDS + 1))
        with stage.api(deep_redis) as deep_api, stage.api(empty_redis) as empty_api:
            ids = {deep_api.url: deep_ids, empty_api.url: empty_ids}
            urls = {deep_api.url: deep_redis, empty_api.url: empty_redis}
            claim = in_turns(lambda url: _claim_ms(urls[url], ids[url]), deep_api.url, empty_api.url)
            get = in_turns(lambda url: _get_ms(url, ids[url][-1]), deep_api.url, empty_api.url)
            post = in_turns(_post_ms, deep_api.url, empty_api.url)
    meaning = f"with {JOBS} jobs queued, against a nearly empty queue; p50"
    both = {"post": post, "get": get, "claim": claim}
    figures_of_both = {
        f"queue_100k_{what}": Figure(ms, "ms", base, ms / base, meaning) for what, (ms, base) in both.items()
    }
    limit = 4000.0
    figures_of_both["redis_bytes_a_job"] = Figure(
        bytes_a_job, "bytes", limit, bytes_a_job / limit, "of a queued job with events and doorbell, against the limit"
    )
    return figures_of_both


async def _seeded(redis_url: str, count: int) -> tuple[float, list[str]]:
    """Jobs as POSTs leave them, by the same scripts; bytes of Redis that each takes, and their ids in order."""
    settings = Settings(redis={"url": redis_url, "timeout_s": 60}, api={"max_queued": 10**9})
    store, doorbells, ids = Store(settings), Doorbells(settings), []
    submissions = Submissions(store, settings)
    client = redis.Redis.from_url(redis_url)
    before = int(client.info("memory")["used_memory"])
    for begun in range(0, count, BATCH):
        requests = [JobRequest(**BODY) for _ in range(min(BATCH, count - begun))]  # type: ignore[arg-type]
        batch = await submissions.submit_batch(requests, ANONYMOUS)
        await store.call("ring", **doorbells.arguments(batch.ring))
        ids += batch.job_ids
    await store.close()
    return (int(client.info("memory")["used_memory"]) - before) / count, ids


def _post_ms(url: str) -> float:
    return load(url, "POST", "/jobs", seconds=SECONDS, body=BODY).percentile(0.5)


def _get_ms(url: str, job_id: str) -> float:
    return load(url, "GET", f"/jobs/{job_id}", seconds=SECONDS).percentile(0.5)


def _claim_ms(redis_url: str, ids: list[str]) -> float:
    """Of the first in line, which leave the list."""
    executions, times_ms = Executions(Settings(redis={"url": redis_url}), "bench"), []
    for _ in range(CLAIMS):
        begun = time.perf_counter()
        claim = executions.claim(ids.pop(0))
        times_ms.append((time.perf_counter() - begun) * 1000)
        assert isinstance(claim, Claim)
    executions.close()
    return statistics.median(times_ms)
