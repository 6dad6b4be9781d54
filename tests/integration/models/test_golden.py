"""The golden checkpoints, whose logits and tokens came from the authors' own code. Skipped where they are not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.convert import SUMS, convert
from models.load import load, load_tokenizer
from tests.conftest import SHARED_DATA

TOLERANCE = 2e-5
NAMES = ("chatglm3", "qwen", "baichuan2")

pytestmark = pytest.mark.skipif(not (SHARED_DATA / "golden").is_dir(), reason="no golden data beside the checkout")

# Run in a process of its own: what a user without scriptqueue does.
PLAIN = """
import sys, numpy, torch
from transformers import AutoModelForCausalLM
model, info = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=False, output_loading_info=True)
assert not any(info.values()), info
with numpy.load(sys.argv[2]) as golden, torch.no_grad():
    for name in golden.files:
        length = int(name.partition("_")[2]) if name.startswith("logits_") else 0
        if not 0 < length <= model.config.max_position_embeddings:
            continue
        ids = torch.from_numpy(golden[f"ids_{length}"])
        print("logits", numpy.abs(model(ids).logits.numpy() - golden[name]).max())
        if f"greedy_{length}" in golden:
            out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=16, do_sample=False)
            print("greedy", int(numpy.array_equal(out.numpy(), golden[f"greedy_{length}"])))
"""


def lengths(golden: Any, context_tokens: int) -> list[int]:
    every = sorted(int(name.partition("_")[2]) for name in golden.files if name.startswith("logits_"))
    return [length for length in every if length <= context_tokens]


@pytest.mark.parametrize("name", NAMES)
def test_a_legacy_folder_gives_the_original_logits_and_tokens(name: str) -> None:
    loaded = load(SHARED_DATA / "golden" / name, dtype="fp32", device="cpu")

    with np.load(SHARED_DATA / "golden" / name / "golden.npz") as golden, torch.no_grad():
        for length in lengths(golden, loaded.context_tokens):
            ids = torch.from_numpy(golden[f"ids_{length}"])
            assert np.abs(loaded.model(ids).logits.numpy() - golden[f"logits_{length}"]).max() <= TOLERANCE
            if f"greedy_{length}" in golden:
                mask = torch.ones_like(ids)
                out = loaded.model.generate(ids, attention_mask=mask, max_new_tokens=16, do_sample=False)
                assert out.tolist() == golden[f"greedy_{length}"].tolist()


@pytest.mark.parametrize("name", ["chatglm3", "baichuan2"])
def test_a_padded_batch_gives_the_original_logits(name: str) -> None:
    model = load(SHARED_DATA / "golden" / name, dtype="fp32", device="cpu").model

    with np.load(SHARED_DATA / "golden" / name / "golden.npz") as golden, torch.no_grad():
        logits = model(
            torch.from_numpy(golden["batch_ids"]),
            attention_mask=torch.from_numpy(golden["batch_mask"]),
            position_ids=torch.from_numpy(golden["batch_pos"]),
        ).logits[:, -1]
        assert np.abs(logits.numpy() - golden["batch_last_logits"]).max() <= TOLERANCE


def test_the_context_of_qwen_ends_where_the_original_changes_its_rope() -> None:
    assert load(SHARED_DATA / "golden" / "qwen", dtype="fp32", device="cpu").context_tokens == 128


@pytest.mark.parametrize("name", NAMES)
def test_a_converted_folder_gives_them_to_the_plain_auto_classes(name: str, tmp_path: Path) -> None:
    golden = SHARED_DATA / "golden" / name

    converted = convert(golden, tmp_path / "native").folder
    plain = subprocess.run(
        [sys.executable, "-c", PLAIN, str(converted), str(golden / "golden.npz")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    lines = [line.split() for line in plain.stdout.splitlines()]
    worst = [float(value) for what, value in lines if what == "logits"]
    assert len(worst) >= 5
    assert max(worst) <= TOLERANCE
    assert [value for what, value in lines if what == "greedy"] == ["1"] * 5


def test_a_converted_folder_says_what_its_files_must_be(tmp_path: Path) -> None:
    convert(SHARED_DATA / "golden" / "chatglm3", tmp_path / "native")

    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=tmp_path / "native", check=True, capture_output=True)
    listed = {line.split()[1] for line in (tmp_path / "native" / SUMS).read_text().splitlines()}
    assert listed == {path.name for path in (tmp_path / "native").iterdir()} - {SUMS}


def test_a_converted_folder_has_the_tokenizer_and_the_chat_of_its_source(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(SHARED_DATA / "golden" / "baichuan2", source)
    shutil.copy(SHARED_DATA / "tokenizers" / "baichuan2" / "tokenizer.model", source)

    converted = load_tokenizer(convert(source, tmp_path / "native").folder)  # of 125,696 tokens; the model has 320 rows

    messages = [{"role": "system", "content": "你是编剧"}, {"role": "user", "content": "  两只 cats </s>\n"}]
    assert converted.chat(messages) == load_tokenizer(source).chat(messages)
    assert json.loads((tmp_path / "native" / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
