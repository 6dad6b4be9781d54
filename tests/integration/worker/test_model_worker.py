"""The whole stack on a tiny language model: HTTP, Redis, a Celery worker process. What its texts say has no sense."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from scriptqueue.schemas import Storyboard
from shared.settings import Settings
from tests.integration.engine import tiny
from tests.integration.worker.conftest import api_of
from tests.integration.worker.harms import MODULES, saying_what_it_imports
from tests.integration.worker.processes import ROOT, done, forked_worker, free_port, running, submit, until
from tests.prompts import PROMPTS

METRICS_PORT = free_port()
NEVER_ON_A_CPU = {  # by a worker that serves a plain checkpoint
    *("triton", "bitsandbytes", "worker.engine.decode.kernels"),
    *("models.convert", "models.verify", "transformers.trainer", "gguf", "peft"),
    *("fastapi", "api", "worker.webhooks", "sklearn", "scipy", "pandas", "torchvision"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the worker's model, its cache and its log."""
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def model_api(redis_server: str, folder: Path) -> Iterator[httpx.Client]:
    """An API and one worker with the tiny model, kept for all tests of this file."""
    tiny.save(folder / "model")
    process = forked_worker(
        f"{redis_server}/1",
        folder / "worker.log",
        saying_what_it_imports,
        model__path=folder / "model",
        model__cache_dir=folder / "cache",
        model__device="cpu",
        worker__metrics_port=METRICS_PORT,
    )
    with api_of(Settings(redis={"url": f"{redis_server}/1"})) as client:
        until(lambda: client.get("/readyz").status_code == 200, within_s=60, what="the model is loaded")
        yield client
    process.terminate()
    assert process.wait(60) == 0


def test_twenty_different_prompts_all_become_storyboards_of_the_model(model_api: httpx.Client) -> None:
    ids = {
        name: submit(model_api, prompt, sampling={"max_new_tokens": 80, "seed": 4}, max_scenes=4)
        for name, prompt in PROMPTS.items()
    }

    jobs = {name: done(model_api, job_id) for name, job_id in ids.items()}

    assert len(jobs) == 20
    assert {name: (job["status"], job["source"]) for name, job in jobs.items()} == dict.fromkeys(
        PROMPTS, ("succeeded", "model")
    )
    for job in jobs.values():
        Storyboard.model_validate(job["result"])
        assert 3 <= len(job["result"]["scenes"]) <= 4
    for name in ("Qwen's control tokens", "ChatGLM's control tokens"):
        assert jobs[name]["metrics"]["prompt_tokens"] > 100  # the task is still there, before and after


def test_a_worker_on_a_cpu_imports_nothing_that_only_others_use(model_api: httpx.Client, folder: Path) -> None:
    (line,) = (text for text in (folder / "worker.log").read_text().splitlines() if text.startswith(MODULES))
    loaded = set(line.split())

    assert {"torch", "worker.backend.model"} <= loaded
    assert loaded & NEVER_ON_A_CPU == set()
    assert [path.name for path in (folder / "cache" / ".tables").iterdir()] == ["model.json"]  # for its next start


def test_a_target_duration_is_met_to_the_second(model_api: httpx.Client) -> None:
    job = done(model_api, submit(model_api, "雨", target_duration_s=21, sampling={"max_new_tokens": 100}))

    assert job["result"]["total_duration"] == 21
    assert sum(scene["duration"] for scene in job["result"]["scenes"]) == 21


def test_the_same_seed_asks_the_model_for_the_same_tokens(model_api: httpx.Client) -> None:
    sampling = {"max_new_tokens": 60, "seed": 42}

    first, second = (done(model_api, submit(model_api, "月亮", sampling=sampling, use_cache=False)) for _ in range(2))

    assert first["model"]["seed"] == second["model"]["seed"] == 42
    assert first["result"]["scenes"][0]["description"] == second["result"]["scenes"][0]["description"]


def test_a_scene_is_written_anew_and_the_others_stay(model_api: httpx.Client) -> None:
    sampling = {"max_new_tokens": 120, "seed": 3}
    base = done(model_api, submit(model_api, "雨中的猫", sampling=sampling, min_scenes=4, max_scenes=4))
    board = base["result"]

    body = {"base": {"job": base["id"]}, "rewrite": [2, 5], "sampling": {**sampling, "seed": 4}}
    job = done(model_api, model_api.post("/jobs", json=body).json()["id"])

    scenes = job["result"]["scenes"]
    assert (job["status"], len(scenes), job["result"]["title"]) == ("succeeded", 5, board["title"])
    assert [scenes[place] for place in (0, 2, 3)] == [board["scenes"][place] for place in (0, 2, 3)]
    assert scenes[1] != board["scenes"][1]


def test_a_running_generation_is_canceled(model_api: httpx.Client) -> None:
    job_id = submit(model_api, "一部很长的史诗", min_scenes=10, max_scenes=20)
    running(model_api, job_id)

    assert model_api.post(f"/jobs/{job_id}/cancel").status_code == 202

    assert done(model_api, job_id)["status"] == "canceled"


def test_every_panel_and_every_alert_names_a_metric_that_is_told(model_api: httpx.Client) -> None:
    """Of a worker with a model, since the stub has no engine to tell of."""
    done(model_api, submit(model_api, "海", sampling={"max_new_tokens": 80, "seed": 3}, max_scenes=3))
    worker_text = httpx.get(f"http://127.0.0.1:{METRICS_PORT}/metrics", trust_env=False).text
    exposed = {
        sample.name
        for text in (model_api.get("/metrics").text, worker_text)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    board = json.loads((ROOT / "docs/monitoring/grafana.json").read_text())
    rules = yaml.safe_load((ROOT / "docs/monitoring/alerts.yml").read_text())["groups"][0]["rules"]
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]] + [
        rule["expr"] for rule in rules
    ]
    assert len(queries) > 30
    assert {name for expr in queries for name in re.findall(r"scriptqueue_\w+", expr)} <= exposed


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_promtool_accepts_both_endpoints_and_the_alerts(model_api: httpx.Client) -> None:
    texts = [
        model_api.get("/metrics").text,
        httpx.get(f"http://127.0.0.1:{METRICS_PORT}/metrics", trust_env=False).text,
    ]

    for text in texts:
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False, timeout=60
        )
        ours = [line for line in (checked.stdout + checked.stderr).splitlines() if "scriptqueue" in line]
        assert ours == []
    rules = ["promtool", "check", "rules", "docs/monitoring/alerts.yml"]
    assert subprocess.run(rules, cwd=ROOT, capture_output=True, check=False, timeout=60).returncode == 0
