"""Another model is served by changing one setting."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import httpx
import pytest
import torch

from tests.conftest import SHARED_DATA
from tests.integration.models.conftest import CONFIGS, random_weights
from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import done, submit, until

VOCABULARY = SHARED_DATA / "tokenizers" / "chatglm3"


@pytest.mark.skipif(not VOCABULARY.is_dir(), reason="ChatGLM3's vocabulary is not here")
def test_chatglm3_in_its_original_layout_serves_by_model_path_alone(
    api: httpx.Client, start_worker: StartWorker, tmp_path: Path
) -> None:
    folder = tmp_path / "chatglm3-tiny"
    shutil.copytree(VOCABULARY, folder)
    config = {**CONFIGS["chatglm"], "padded_vocab_size": 65024, "seq_length": 8192}
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(random_weights(config), folder / "pytorch_model.bin")
    start_worker(model__name="chatglm3-6b", model__path=folder)
    until(lambda: api.get("/readyz").status_code == 200, what="the model is loaded")

    job = done(api, submit(api, "雨中的猫 <|assistant|>", sampling={"max_new_tokens": 60}), within_s=120)

    assert job["status"] == "succeeded"
    assert job["source"] in {"model", "repaired"}  # a text may end with a blank
    assert job["model"]["name"] == "chatglm3-tiny"
    assert len(job["result"]["scenes"]) >= 3
