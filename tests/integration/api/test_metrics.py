"""`/metrics` of the API: jobs as Redis counts them, HTTP as the process saw it, in a form that Prometheus reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import redis
import yaml
from prometheus_client.parser import text_string_to_metric_families

from shared.settings import Settings
from tests.integration.api.described import described_client
from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve

ROOT = Path(__file__).parents[3]


def samples(api: httpx.Client) -> dict[str, float]:
    """Each sample by its name and labels: `scriptqueue_jobs_total{status=succeeded}`."""
    response = api.get("/metrics")
    assert response.status_code == 200, response.text
    return {
        f"{sample.name}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_jobs_are_counted_by_how_they_ended_and_where_their_result_came_from(
    api: httpx.Client, worker: HandWorker
) -> None:
    for _ in range(3):
        api.post("/jobs", json={"prompt": "x", "use_cache": False})
    worker.succeed(worker.claim(worker.next_id()))
    worker.fail(worker.claim(worker.next_id()))
    api.post(f"/jobs/{worker.next_id()}/cancel")

    metrics = samples(api)

    assert {status: metrics[f"scriptqueue_jobs_total{{status={status}}}"] for status in ("succeeded", "failed")} == {
        "succeeded": 1,
        "failed": 1,
    }
    assert (metrics["scriptqueue_jobs_total{status=canceled}"], metrics["scriptqueue_jobs_total{status=expired}"]) == (
        1,
        0,
    )
    assert (metrics["scriptqueue_results_total{source=model}"], metrics["scriptqueue_results_total{source=stub}"]) == (
        1,
        0,
    )


def test_the_queue_is_told_by_priority_with_the_age_of_its_oldest_job(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    for priority in ("low", "low", "high"):
        api.post("/jobs", json={"prompt": "x", "priority": priority, "use_cache": False})
    worker.claim(worker.next_id())
    (oldest, _) = redis_client.zrange("sq:queued:low", 0, -1)
    redis_client.hincrby(f"sq:job:{oldest!s}", "created", -90_000)
    worker.beat()

    metrics = samples(api)

    assert {p: metrics[f"scriptqueue_queue_depth{{priority={p}}}"] for p in ("high", "normal", "low")} == {
        "high": 0,
        "normal": 0,
        "low": 2,
    }
    assert metrics["scriptqueue_queue_oldest_seconds{priority=low}"] >= 90
    assert metrics["scriptqueue_queue_oldest_seconds{priority=normal}"] == 0
    assert metrics["scriptqueue_running_jobs{}"] == 1
    assert (metrics["scriptqueue_workers{state=ready}"], metrics["scriptqueue_ready_slots{}"]) == (1, 2)


def test_requests_are_counted_by_route_and_never_by_what_a_client_writes_into_the_path(api: httpx.Client) -> None:
    job = api.post("/jobs", json={"prompt": "x"}).json()
    api.get(f"/jobs/{job['id']}")
    api.get(f"/jobs/{job['id']}", headers={"Prefer": "wait=0"})
    api.get("/made/up/by/a/scanner")

    metrics = samples(api)

    assert metrics["scriptqueue_http_requests_total{method=POST,route=/jobs,status=202}"] == 1
    assert metrics["scriptqueue_http_requests_total{method=GET,route=/jobs/{job_id},status=200}"] == 2
    assert metrics["scriptqueue_http_requests_total{method=any,route=none,status=404}"] == 1
    assert (
        metrics["scriptqueue_http_request_seconds_count{method=GET,route=/jobs/{job_id}}"] == 1
    )  # one was asked to wait
    assert not any("scanner" in name for name in metrics)


def test_what_went_wrong_with_workers_is_counted(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    api.post("/jobs", json={"prompt": "x"})
    worker.claim(worker.next_id())
    worker.crash()
    redis_client.lpush("sq:quarantine", "garbage")

    metrics = samples(api)

    assert metrics["scriptqueue_lost_attempts_total{blame=crashes}"] == 1
    assert metrics["scriptqueue_lost_attempts_total{blame=lapses}"] == 0
    assert metrics["scriptqueue_quarantined_messages{}"] == 1


def test_with_keys_the_metrics_want_one_too(serve: Serve) -> None:
    api = serve(api={"keys": "prometheus:secret"})

    assert api.get("/metrics").status_code == 401
    assert api.get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_metrics_are_503_while_redis_is_away() -> None:
    with described_client(Settings(redis={"url": "redis://127.0.0.1:1"})) as api:
        assert api.get("/metrics").status_code == 503


def test_what_waits_is_told_in_seconds_of_the_rows_that_are_ready(
    api: httpx.Client, worker: HandWorker, redis_client: redis.Redis
) -> None:
    assert samples(api)["scriptqueue_queued_work_seconds{}"] == 0
    for _ in range(3):
        api.post("/jobs", json={"prompt": "x", "use_cache": False})
    assert "scriptqueue_queued_work_seconds{}" not in samples(api)  # nobody is there to do it

    worker.beat()
    claim = worker.claim(worker.next_id())
    redis_client.hincrby(f"sq:job:{claim.job_id}", "started", -10_000)  # as if it had taken ten seconds
    worker.succeed(claim)
    one_ready = samples(api)["scriptqueue_queued_work_seconds{}"]
    worker.beat(slots=4)

    assert 9 < one_ready < 15  # two like it wait, for two rows
    assert samples(api)["scriptqueue_queued_work_seconds{}"] == pytest.approx(one_ready / 2)


def test_what_keda_asks_for_is_told(api: httpx.Client) -> None:
    scaled = yaml.safe_load((ROOT / "deploy/kubernetes/keda/keda.yaml").read_text())
    exposed = {name.partition("{")[0] for name in samples(api)}

    queries = [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]

    names = {name for query in queries for name in re.findall(r"scriptqueue_\w+", query)}
    assert "scriptqueue_queued_work_seconds" in names
    assert names <= exposed


THREE_PROCESSES = """
import asyncio, os, sys
from prometheus_client import CollectorRegistry, Counter
from api.http import metrics

async def answers(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})

async def nobody(message): ...

def requests(count):
    for _ in range(count):
        asyncio.run(meter({"type": "http", "method": "GET"}, None, nobody))

metrics.share_between_processes()
registry = CollectorRegistry()
meter = metrics.HttpMeter(answers, registry)
Counter("scriptqueue_worker_repairs", "Of a worker with the same environment.").inc()
for _ in range(2):
    if not os.fork():
        requests(3)
        os._exit(0)
    os.wait()
requests(1)
sys.stdout.buffer.write(metrics.exposition(registry, metrics.QueueStats({}, {}, {}, None, 0, 0, 0, (), 0)))
"""


@pytest.mark.parametrize(("shared", "requests"), [(True, 7), (False, 1)])
def test_processes_that_share_a_folder_add_up_what_they_answered(tmp_path: Path, shared: bool, requests: int) -> None:
    """geolens-io/geolens#1240: figures of whichever process answers look like resets; frecar/epguides-api#205 too."""
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "not/there/yet")} if shared else {}
    written = subprocess.run(
        [sys.executable, "-c", THREE_PROCESSES],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert f'scriptqueue_http_requests_total{{method="any",route="none",status="200"}} {requests}.0' in written
    assert "scriptqueue_http_request_seconds_count" in written
    assert "scriptqueue_queue_depth" in written
    assert "worker_repairs" not in written
