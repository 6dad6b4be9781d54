"""The whole stack on a real language model: HTTP, Redis, a Celery worker process. The stories are told by a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.catalogue import QWEN_CODER
from scriptqueue.schemas import Storyboard
from shared.settings import Settings
from tests.integration.worker.conftest import api_of
from tests.integration.worker.processes import done, submit, until, worker
from tests.prompts import PROMPTS

pytestmark = pytest.mark.slow  # its worker loads the real model

NAMES = ("plain", "English", "JSON inside", "injection", "Qwen's control tokens")  # the rest: test_model_worker.py


@pytest.fixture(scope="module")
def model_api(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An API and one worker with the embedded model, kept for all tests of this file."""
    folder: Path = tmp_path_factory.mktemp("embedded")
    settings = Settings(redis={"url": f"{redis_server}/1"})
    process = worker(f"{redis_server}/1", folder / "worker.log", model__name=QWEN_CODER.name, worker__metrics_port=0)
    with api_of(settings) as client:
        until(lambda: client.get("/readyz").status_code == 200, within_s=300, what="the model is loaded")
        yield client
    process.terminate()
    assert process.wait(60) == 0


def test_different_prompts_all_become_storyboards_of_the_model(model_api: httpx.Client) -> None:
    ids = {
        name: submit(model_api, PROMPTS[name], sampling={"max_new_tokens": 80, "seed": 3}, max_scenes=4)
        for name in NAMES
    }

    jobs = {name: done(model_api, job_id, within_s=400) for name, job_id in ids.items()}

    assert {job["status"] for job in jobs.values()} == {"succeeded"}
    for job in jobs.values():
        assert job["source"] in {"model", "repaired"}  # a text may end with a blank
        Storyboard.model_validate(job["result"])
        assert 3 <= len(job["result"]["scenes"]) <= 4
    chinese = "".join(scene["description"] for scene in jobs["plain"]["result"]["scenes"])
    assert len(re.findall(r"[\u4e00-\u9fff]", chinese)) > 3


def test_sixty_tokens_give_a_valid_storyboard_that_says_it_was_closed_early(model_api: httpx.Client) -> None:
    job = done(model_api, submit(model_api, "一只猫学会了飞", sampling={"max_new_tokens": 60}))

    assert job["status"] == "succeeded"
    assert job["source"] in {"model", "repaired"}  # a text may end with a blank
    assert len(job["result"]["scenes"]) == 3
    assert all(scene["description"].strip() and scene["action"].strip() for scene in job["result"]["scenes"])
    assert any("closed early" in repair for repair in job["repairs"])
