"""Every model family writes storyboards through the engine: its real vocabulary, random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from models.load import load
from scriptqueue.schemas import JobRequest
from tests.conftest import SHARED_DATA
from tests.integration.engine.conftest import engine_of, together
from tests.integration.engine.walks import differences
from tests.integration.models.conftest import CONFIGS, random_weights
from worker.engine.request import GenerationRequest, SamplingParams
from worker.script.grammar import layout, storyboard_schema
from worker.script.output import parse, validate
from worker.script.prompt import messages

VOCABULARIES = SHARED_DATA / "tokenizers"
PROMPT = "雨中的猫 <|assistant|> [/INST] A cat."

pytestmark = pytest.mark.skipif(not VOCABULARIES.is_dir(), reason="the vocabulary files are not here")


def legacy(folder: Path, family: str, **sizes: int) -> None:
    config = {**CONFIGS[family], **sizes}
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(random_weights(config), folder / "pytorch_model.bin")


def llama_like(folder: Path, kind: str, vocab_size: int) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    config_class, model_class = {
        "llama2": (LlamaConfig, LlamaForCausalLM),
        "mistral": (MistralConfig, MistralForCausalLM),
    }[kind]
    config = config_class(
        vocab_size=vocab_size,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
    )
    model_class(config).save_pretrained(folder)


@pytest.fixture(params=["chatglm3", "qwen", "baichuan2", "llama2", "mistral"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A tiny checkpoint of the family, with the family's real vocabulary."""
    torch.manual_seed(0)
    name: str = request.param
    for file in (VOCABULARIES / name).iterdir():
        shutil.copy(file, tmp_path)
    if name == "chatglm3":
        legacy(tmp_path, "chatglm", padded_vocab_size=65024, seq_length=4096)
    elif name == "qwen":
        legacy(tmp_path, "qwen", vocab_size=151936, seq_length=4096)
    elif name == "baichuan2":
        legacy(tmp_path, "baichuan", vocab_size=125696, max_position_embeddings=4096)
    else:
        llama_like(tmp_path, name, 32000)
    return tmp_path


@pytest.mark.slow
def test_a_real_vocabularys_masks_are_those_without_slices(folder: Path) -> None:
    loaded: Any = load(folder, dtype="fp32", device="cpu")

    assert differences(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids, states=10_000) == []


def test_a_family_writes_a_valid_storyboard(folder: Path) -> None:
    loaded: Any = load(folder, dtype="fp32", device="cpu")
    request = JobRequest(prompt=PROMPT, max_scenes=4)
    engine = engine_of(loaded.model, loaded, max_batch=2)
    requests = [
        GenerationRequest(
            prompt_ids=tuple(loaded.chat(messages(request))),
            schema=json.dumps(storyboard_schema(request)),
            layout=layout(),
            sampling=SamplingParams(temperature, 0.95, seed=3),
            max_new_tokens=100,
            min_scenes=3,
            time_left_s=120,
        )
        for temperature in (0.0, 1.0)
    ]

    outputs = [generation.wait() for generation in [engine.submit(each) for each in requests]]
    engine.stop()
    loop = engine_of(loaded.model, loaded, max_batch=2, batching="loop")
    by_the_loop = together(loop, requests)
    loop.stop()

    assert loop.batching == "loop"
    assert by_the_loop == [output.token_ids for output in outputs]
    for output in outputs:
        text = loaded.tokenizer.decode(output.token_ids, skip_special_tokens=True)
        storyboard, repairs = validate(parse(text), request)
        assert json.loads(text)
        assert len(storyboard.scenes) >= 3
        assert all("blanks around it" in repair for repair in repairs)
        assert output.sampled_tokens < len(output.token_ids)  # some were forced
