"""What jobs that share a result say over HTTP, beside a worker moved by hand."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.api.handworker import HandWorker
from tests.integration.api.test_metrics import samples


def test_shared_results_are_counted_for_prometheus(api: httpx.Client, worker: HandWorker) -> None:
    first, _ = (api.post("/jobs", json={"prompt": "x"}).json()["id"] for _ in range(2))
    worker.succeed(worker.claim(first))

    metrics = samples(api)

    assert [metrics[f"scriptqueue_cache_total{{outcome={outcome}}}"] for outcome in ("hit", "shared", "miss")] == [
        0,
        1,
        1,
    ]


def test_one_doorbell_is_rung_for_many(api: httpx.Client, worker: HandWorker) -> None:
    first = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    api.post("/jobs", json={"prompt": "x"})
    api.post("/batches", json={"jobs": [{"prompt": "x"}] * 3})

    assert worker.next_id() == first
    with pytest.raises(AssertionError, match="no doorbell"):
        worker.next_id(within_s=1)
