"""What a worker process tells operators: its metrics, scraped as Prometheus would, and its log."""

from __future__ import annotations

import json

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.worker import processes
from tests.integration.worker.conftest import StartWorker


def scrape(port: int) -> dict[str, float]:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    return {
        sample.name + "".join(f"/{value}" for name, value in sample.labels.items() if name != "le"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_worker_tells_its_rows_its_outcomes_and_its_times(api: httpx.Client, start_worker: StartWorker) -> None:
    port = processes.free_port()
    start_worker(worker__metrics_port=port, worker__max_batch=3)
    good = processes.submit(api, stub={"seconds": 0.4, "tokens": 77, "scenes": 4})
    bad = processes.submit(api, stub={"invalid": True}, allow_fallback=False)
    slow = processes.submit(api, stub={"seconds": 60})
    processes.done(api, good)
    processes.done(api, bad)
    processes.running(api, slow)

    busy = scrape(port)
    api.post(f"/jobs/{slow}/cancel")
    processes.done(api, slow)
    after = scrape(port)

    assert (busy["scriptqueue_worker_rows"], busy["scriptqueue_worker_rows_busy"]) == (3, 1)
    assert {
        name: after[f"scriptqueue_worker_attempts_total/{name}"] for name in ("succeeded", "failed", "canceled")
    } == {
        "succeeded": 1,
        "failed": 1,
        "canceled": 1,
    }
    assert after["scriptqueue_worker_storyboard_tokens_total"] == 77
    assert after["scriptqueue_job_run_seconds_count"] == after["scriptqueue_job_first_scene_seconds_count"] == 1
    assert after["scriptqueue_job_first_scene_seconds_sum"] < after["scriptqueue_job_run_seconds_sum"]


def test_a_worker_that_cannot_tell_its_metrics_says_so_and_works(api: httpx.Client, start_worker: StartWorker) -> None:
    """A taken port is another thing: tests/integration/worker/test_celerys_commands.py."""
    worker = start_worker(worker__metrics_host="192.0.2.1", worker__metrics_port=9808)  # no address of this host's

    job = processes.done(api, processes.submit(api))

    assert job["status"] == "succeeded"
    assert "no metrics at 192.0.2.1:9808: " in worker.log_text


def test_in_json_every_line_of_a_jobs_work_bears_its_id(api: httpx.Client, start_worker: StartWorker) -> None:
    worker = start_worker(log__format="json", worker__metrics_port=0)

    job_id = processes.submit(api, stub={"invalid": True}, allow_fallback=False)
    processes.done(api, job_id)
    processes.until(lambda: "failed: " in worker.log_text, what="its outcome is logged")

    records = [json.loads(line) for line in worker.log_text.splitlines() if line.startswith("{")]
    of_job = [line["message"] for line in records if line.get("job") == job_id]
    assert any("received" in message for message in of_job)
    assert any("failed: output_invalid" in message for message in of_job)
    assert "succeeded" not in worker.log_text
