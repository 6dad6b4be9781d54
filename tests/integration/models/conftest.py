"""Tiny legacy checkpoints with random weights, and what their reference implementations say of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.load import load
from tests.integration.models.reference import baichuan, chatglm, qwen

Config = dict[str, Any]
Write = Callable[..., Path]

REFERENCES: dict[str, ModuleType] = {"chatglm": chatglm, "qwen": qwen, "baichuan": baichuan}
CONFIGS: dict[str, Config] = {
    "chatglm": {
        "model_type": "chatglm",
        "auto_map": {"AutoModel": "modeling_chatglm.ChatGLMForConditionalGeneration"},
        "add_qkv_bias": True,
        "ffn_hidden_size": 96,
        "hidden_size": 64,
        "kv_channels": 16,
        "layernorm_epsilon": 1e-5,
        "multi_query_attention": True,
        "multi_query_group_num": 2,
        "num_attention_heads": 4,
        "num_layers": 2,
        "padded_vocab_size": 131,
        "seq_length": 128,
    },
    "qwen": {
        "model_type": "qwen",
        "auto_map": {"AutoModelForCausalLM": "modeling_qwen.QWenLMHeadModel"},
        "hidden_size": 64,
        "intermediate_size": 192,
        "kv_channels": 16,
        "layer_norm_epsilon": 1e-6,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "rotary_emb_base": 10000,
        "seq_length": 128,
        "vocab_size": 131,
    },
    "baichuan": {
        "model_type": "baichuan",
        "auto_map": {"AutoModelForCausalLM": "modeling_baichuan.BaichuanForCausalLM"},
        "hidden_size": 64,
        "intermediate_size": 96,
        "max_position_embeddings": 128,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "rms_norm_eps": 1e-6,
        "vocab_size": 131,
    },
}


def random_weights(config: Config, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, torch.Tensor] = REFERENCES[config["model_type"]].random_weights(config, generator)
    return weights


def expected(config: Config, weights: dict[str, torch.Tensor], ids: torch.Tensor) -> torch.Tensor:
    """The reference's logits, [tokens, vocabulary], in float64."""
    exact = {name: value.double() for name, value in weights.items()}
    logits: torch.Tensor = REFERENCES[config["model_type"]].logits(config, exact, ids)
    return logits


def difference(folder: Path, config: Config, weights: dict[str, torch.Tensor], tokens: int = 40) -> float:
    """How far the loaded model's logits are from the reference's at worst."""
    vocabulary = config.get("padded_vocab_size") or config["vocab_size"]
    ids = torch.randint(0, vocabulary, (tokens,), generator=torch.Generator().manual_seed(1))
    model = load(folder, dtype="fp32", device="cpu").model
    with torch.no_grad():
        ours = model(ids[None]).logits[0].double()
    return float((ours - expected(config, weights, ids)).abs().max())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a checkpoint: `write(config, weights, suffix="safetensors", files=3)` gives its folder."""

    def to_disk(config: Config, weights: dict[str, torch.Tensor], suffix: str = "bin", files: int = 1) -> Path:
        folder = tmp_path / str(config["model_type"])
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config))
        stem = "model" if suffix == "safetensors" else "pytorch_model"
        names = list(weights)
        places: dict[str, str] = {}
        for number in range(files):
            part = {name: weights[name].contiguous() for name in names[number::files]}
            file = folder / (f"{stem}-{number + 1:05}-of-{files:05}.{suffix}" if files > 1 else f"{stem}.{suffix}")
            save_file(part, file) if suffix == "safetensors" else torch.save(part, file)
            places |= dict.fromkeys(part, file.name)
        if files > 1:
            (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
        return folder

    return to_disk
