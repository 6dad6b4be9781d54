"""A legacy checkpoint gives the logits of its reference implementation, whatever its shape and however it is stored."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from models.convert import convert
from models.load import load
from tests.integration.models.conftest import CONFIGS, Config, Write, difference, random_weights

TOLERANCE = 2e-5

SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("chatglm", {}),
    ("chatglm", {"multi_query_group_num": 1}),
    ("chatglm", {"multi_query_group_num": 4}),
    ("chatglm", {"num_attention_heads": 6, "multi_query_group_num": 3, "kv_channels": 8}),
    ("chatglm", {"hidden_size": 50, "ffn_hidden_size": 37, "padded_vocab_size": 97, "num_layers": 3}),
    ("chatglm", {"kv_channels": 32}),  # heads together wider than the model
    ("chatglm", {"kv_channels": 4}),
    ("chatglm", {"add_qkv_bias": False}),
    ("chatglm", {"rope_ratio": 50}),
    ("chatglm", {"rope_ratio": 2.5, "layernorm_epsilon": 1e-3}),
    ("chatglm", {"num_layers": 1, "layernorm_epsilon": 1e-6}),
    ("qwen", {}),
    ("qwen", {"num_attention_heads": 8, "kv_channels": 8}),
    ("qwen", {"num_attention_heads": 1, "kv_channels": 64}),
    ("qwen", {"hidden_size": 36, "num_attention_heads": 3, "kv_channels": 12, "intermediate_size": 74}),
    ("qwen", {"rotary_emb_base": 1000.0}),
    ("qwen", {"layer_norm_epsilon": 1e-3, "num_hidden_layers": 3}),
    ("baichuan", {}),
    ("baichuan", {"num_attention_heads": 2}),
    ("baichuan", {"hidden_size": 42, "num_attention_heads": 7, "intermediate_size": 33, "vocab_size": 89}),
    ("baichuan", {"rms_norm_eps": 1e-3, "num_hidden_layers": 3}),
]


@pytest.mark.parametrize(("family", "changes"), SHAPES)
def test_any_shape_gives_the_reference_logits(family: str, changes: dict[str, Any], write: Write) -> None:
    config = CONFIGS[family] | changes
    weights = random_weights(config)

    assert difference(write(config, weights), config, weights) <= TOLERANCE


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize(("suffix", "files"), [("bin", 3), ("safetensors", 1), ("safetensors", 4)])
def test_the_way_it_is_stored_changes_nothing(family: str, suffix: str, files: int, write: Write) -> None:
    config, weights = CONFIGS[family], random_weights(CONFIGS[family])

    assert difference(write(config, weights, suffix, files), config, weights) <= TOLERANCE


@pytest.mark.parametrize(("family", "changes"), SHAPES[::3])
def test_a_converted_folder_gives_the_reference_logits(family: str, changes: dict[str, Any], write: Write) -> None:
    config = CONFIGS[family] | changes
    weights = random_weights(config)
    folder = write(config, weights, files=2)

    converted = convert(folder, folder.parent / "converted").folder

    assert difference(converted, config, weights) <= TOLERANCE


def test_the_older_dialect_of_qwen_is_the_same_model(write: Write) -> None:
    new = CONFIGS["qwen"]
    old: Config = {
        "model_type": "qwen",
        "auto_map": {},
        "activation": "swiglu",
        "pos_emb": "rotary",
        "n_inner": None,
        "n_embd": 64,
        "n_layer": 2,
        "n_head": 4,
        "ffn_hidden_size": 192,
        "n_positions": 6144,
        "no_bias": True,
        "kv_channels": 16,
        "layer_norm_epsilon": 1e-6,
        "padded_vocab_size": 131,
        "params_dtype": "torch.bfloat16",
        "rotary_emb_base": 10000,
        "rotary_pct": 1.0,
        "seq_length": 128,
        "vocab_size": 131,
        "bos_token_id": 151643,
        "apply_residual_connection_post_layernorm": False,
        "bias_dropout_fusion": True,
        "embd_pdrop": 0.0,
        "use_dynamic_ntk": True,
        "use_logn_attn": True,
        "tokenizer_type": "QWenTokenizer",
        "resid_pdrop": 0.1,
    }
    weights = random_weights(new)

    assert difference(write(old, weights), new, weights) <= TOLERANCE


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # bitsandbytes
def test_quantised_weights_load_and_speak(family: str, bits: int, write: Write) -> None:
    sizes = {"ffn_hidden_size": 128} if family == "chatglm" else {"intermediate_size": 256}
    config = CONFIGS[family] | sizes
    folder = write(config, {name: value.bfloat16() for name, value in random_weights(config).items()})

    loaded = load(folder, dtype="bf16", weight_bits=bits, device="cpu")

    with torch.no_grad():
        out = loaded.model.generate(torch.tensor([[5, 6, 7]]), max_new_tokens=3, min_new_tokens=3, do_sample=False)
    assert out.shape == (1, 6)
    full = load(folder, dtype="bf16", device="cpu").model.get_memory_footprint()
    assert loaded.model.get_memory_footprint() < full
