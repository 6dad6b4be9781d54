"""A folder that holds something else than a model is told to be that, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models import checkpoint
from models.folder import open_folder
from models.load import load
from shared.errors import ModelUnavailable


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"peft_type": "LORA", "base_model_name_or_path": "THUDM/chatglm3-6b"}, r"\('LORA'\) of 'THUDM/chatglm3-6b'"),
        ({"peft_type": "IA3", "base_model_name_or_path": "/data/base"}, r"\('IA3'\) of '/data/base'"),
        ({"peft_type": "PREFIX_TUNING", "base_model_name_or_path": None}, r"\('PREFIX_TUNING'\) of '\?'"),
        ({"peft_type": "LORA", "base_model_name_or_path": "a\nb" * 1000}, r"of 'a\\nba"),
        ({}, r"\('\?'\) of '\?'"),
        ({"peft_type": ["LORA"], "base_model_name_or_path": {"a": 1}}, "adapter"),
    ],
)
@pytest.mark.parametrize("beside_a_model", [False, True])
def test_an_adapter_is_told_to_be_one_and_how_to_merge_it(
    tmp_path: Path, config: dict[str, Any], words: str, beside_a_model: bool
) -> None:
    """hiyouga/LlamaFactory#1097, #6764, huggingface/transformers#28688, QwenLM/Qwen#1163, arcee-ai/mergekit#197,
    lm-sys/FastChat#1689."""
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    if beside_a_model:
        (tmp_path / "config.json").write_text('{"model_type": "llama"}')

    with pytest.raises(ModelUnavailable, match=words) as caught:
        load(tmp_path, device="cpu")

    assert "merge_and_unload().save_pretrained(" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("qwen2.5-0.5b-q8_0.gguf", "which llama.cpp reads: use the folder of safetensors"),
        ("params.json", "Meta's own layout"),
        ("consolidated.00.pth", "Meta's own layout"),
        ("model.onnx", "ONNX"),
        ("tf_model.h5", "TensorFlow"),
        ("model_index.json", "diffusion"),
        ("snapshots/0a1b/config.json", "the hub's cache: name the folder below snapshots/"),
        ("chatglm3-6b/config.json", "name one of them"),
        ("notes.txt", "has no config.json$"),
    ],
)
def test_a_folder_without_a_config_says_what_it_holds(tmp_path: Path, file: str, words: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("{}")

    with pytest.raises(ModelUnavailable, match=words) as caught:
        open_folder(tmp_path)

    assert "has no config.json" in str(caught.value)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("model-q4.gguf", "llama.cpp"),
        ("consolidated.safetensors", "Mistral's"),
        ("model-00001-of-00002.safetensors", "get model.safetensors.index.json too"),
        ("pytorch_model-00001-of-00002.bin", "get pytorch_model.bin.index.json too"),
        ("flax_model.msgpack", "Flax"),
        ("qmodel.pt", "HQQ"),
        ("training_args.bin", "is needed$"),
    ],
)
def test_a_folder_without_weights_says_what_it_holds(tmp_path: Path, file: str, words: str) -> None:
    """huggingface/huggingface_hub#3645, vllm-project/vllm#7953, huggingface/optimum-neuron#367."""
    (tmp_path / file).write_text("{}")

    with pytest.raises(ModelUnavailable, match=words) as caught:
        checkpoint.tensors(tmp_path)

    assert "holds no weights" in str(caught.value)
