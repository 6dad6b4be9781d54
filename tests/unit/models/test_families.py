"""A legacy config is read to its last key; what is not reproduced is refused with the reason and what to use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.folder import open_folder
from shared.errors import ModelUnavailable
from tests.integration.models.conftest import CONFIGS

# Every key of the published config.json files that the small ones leave out.
PUBLISHED: dict[str, dict[str, Any]] = {
    "chatglm": {
        "_name_or_path": "THUDM/chatglm3-6b",
        "architectures": ["ChatGLMModel"],
        "add_bias_linear": False,
        "apply_query_key_layer_scaling": True,
        "apply_residual_connection_post_layernorm": False,
        "attention_dropout": 0.0,
        "attention_softmax_in_fp32": True,
        "bias_dropout_fusion": True,
        "fp32_residual_connection": False,
        "hidden_dropout": 0.0,
        "original_rope": True,
        "post_layer_norm": True,
        "rmsnorm": True,
        "use_cache": True,
        "torch_dtype": "float16",
        "transformers_version": "4.30.2",
        "tie_word_embeddings": False,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "classifier_dropout": None,
        "quantization_bit": 0,
        "pre_seq_len": None,
        "prefix_projection": False,
    },
    "qwen": {
        "architectures": ["QWenLMHeadModel"],
        "attn_dropout_prob": 0.0,
        "bf16": False,
        "emb_dropout_prob": 0.0,
        "fp16": False,
        "fp32": False,
        "initializer_range": 0.02,
        "max_position_embeddings": 32768,
        "no_bias": True,
        "onnx_safe": None,
        "rotary_pct": 1.0,
        "scale_attn_weights": True,
        "use_cache": True,
        "softmax_in_fp32": False,
        "tie_word_embeddings": False,
        "tokenizer_class": "QWenTokenizer",
        "transformers_version": "4.32.0",
        "use_cache_kernel": False,
        "use_cache_quantization": False,
        "use_dynamic_ntk": True,
        "use_flash_attn": "auto",
        "use_logn_attn": True,
    },
    "baichuan": {
        "architectures": ["BaichuanForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "model_max_length": 4096,
        "pad_token_id": 0,
        "z_loss_weight": 0,
        "tie_word_embeddings": False,
        "tokenizer_class": "BaichuanTokenizer",
        "torch_dtype": "bfloat16",
        "transformers_version": "4.29.2",
        "use_cache": True,
        "_from_model_config": True,
    },
}


def opened(path: Path, config: dict[str, Any]) -> Any:
    (path / "config.json").write_text(json.dumps(config))
    return open_folder(path).config


@pytest.mark.parametrize("family", CONFIGS)
def test_every_published_key_is_known(family: str, tmp_path: Path) -> None:
    assert opened(tmp_path, CONFIGS[family] | PUBLISHED[family]).num_hidden_layers == 2


# What transformers itself writes when a finetune is saved; no line of the forward pass reads it.
SAVED_AGAIN: dict[str, Any] = {
    "_attn_implementation_autoset": True,
    "add_cross_attention": False,
    "bad_words_ids": None,
    "bos_token_id": None,
    "chunk_size_feed_forward": 0,
    "do_sample": True,
    "dtype": "float16",
    "finetuning_task": None,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
    "is_decoder": False,
    "is_encoder_decoder": False,
    "keys_to_ignore_at_inference": ["past_key_values"],
    "label2id": {"LABEL_0": 0, "LABEL_1": 1},
    "max_length": 8192,
    "num_beams": 1,
    "output_attentions": False,
    "problem_type": None,
    "pruned_heads": {},
    "repetition_penalty": 1.05,
    "return_dict": True,
    "rope_scaling": None,
    "sep_token_id": None,
    "task_specific_params": None,
    "temperature": 0.8,
    "tf_legacy_loss": False,
    "top_p": 0.8,
    "torchscript": False,
    "typical_p": 1.0,
    "use_bfloat16": False,
    "use_cache": False,
}


@pytest.mark.parametrize("family", CONFIGS)
def test_what_transformers_writes_beside_a_finetune_s_own_keys_changes_nothing(family: str, tmp_path: Path) -> None:
    """`_attn_implementation_autoset` of 4.46 on, `dtype` of 4.56 on (ModelCloud/GPTQModel#982)."""
    before = opened(tmp_path, CONFIGS[family]).to_dict()

    assert opened(tmp_path, CONFIGS[family] | SAVED_AGAIN).to_dict() == before


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rope_scaling", {"type": "linear", "factor": 2.0}),
        ("pruned_heads", {"0": [1]}),
        ("is_encoder_decoder", True),
        ("add_cross_attention", True),
        ("quantization_config", {"quant_method": "awq"}),
        ("sliding_window", 64),
        ("attn_logit_softcapping", 50.0),
        ("rope_theta", 500000.0),
        ("attention_bias", True),
        ("logit_scale", 0.1),
        ("dtype_of_my_own", "float16"),
    ],
)
def test_a_key_that_changes_the_forward_pass_is_refused_by_name(
    family: str, key: str, value: object, tmp_path: Path
) -> None:
    with pytest.raises(ModelUnavailable, match=key):
        opened(tmp_path, CONFIGS[family] | {key: value})


@pytest.mark.parametrize("family", CONFIGS)
def test_a_key_of_unknown_meaning_is_named(family: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="unknown meaning: flux_capacitor, warp"):
        opened(tmp_path, CONFIGS[family] | {"warp": 1, "flux_capacitor": None})


@pytest.mark.parametrize(
    ("family", "key", "value"),
    [
        ("chatglm", "hidden_size", "4096"),
        ("chatglm", "num_layers", 0),
        ("chatglm", "layernorm_epsilon", True),
        ("chatglm", "add_qkv_bias", "yes"),
        ("qwen", "num_attention_heads", -4),
        ("qwen", "rotary_emb_base", None),
        ("baichuan", "intermediate_size", 96.5),
    ],
)
def test_a_value_that_is_none_is_named(family: str, key: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=key):
        opened(tmp_path, CONFIGS[family] | {key: value})


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("chatglm", {"rmsnorm": False}, "rmsnorm"),
    ("chatglm", {"post_layer_norm": False}, "post_layer_norm"),
    ("chatglm", {"add_bias_linear": True}, "add_bias_linear"),
    ("chatglm", {"apply_residual_connection_post_layernorm": True}, "apply_residual_connection_post_layernorm"),
    ("chatglm", {"multi_query_attention": False}, "multi_query_attention"),
    ("chatglm", {"pre_seq_len": 128}, "prefix-tuned"),
    ("chatglm", {"quantization_bit": 4}, "weight_bits=8 or 4"),
    ("chatglm", {"_name_or_path": "THUDM/chatglm2-6b-32k"}, "use THUDM/chatglm3-6b-32k"),
    ("chatglm", {"position_encoding_2d": True, "inner_hidden_size": 16384}, "first version"),
    ("chatglm", {"eos_token_id": [151329, 151336, 151338]}, "glm-4-9b-chat-hf"),
    ("qwen", {"no_bias": False}, "no_bias"),
    ("qwen", {"rotary_pct": 0.5}, "rotary_pct"),
    ("qwen", {"scale_attn_weights": False}, "scale_attn_weights"),
    ("qwen", {"kv_channels": 32}, "kv_channels"),
    ("qwen", {"intermediate_size": 191}, "odd"),
    ("qwen", {"quantization_config": {"bits": 4}}, "weight_bits=8 or 4"),
    ("baichuan", {"vocab_size": 64000}, "Baichuan-1"),
    ("baichuan", {"architectures": ["BaiChuanForCausalLM"]}, "Baichuan-1"),
    ("baichuan", {"hidden_size": 5120, "num_attention_heads": 40}, "13B.*ALiBi"),
    ("baichuan", {"quantization_config": {"bits": 4}}, "weight_bits=4"),
    ("baichuan", {"tie_word_embeddings": True}, "tie_word_embeddings"),
]


@pytest.mark.parametrize(("family", "changes", "reason"), REFUSED, ids=[f"{name}: {why}" for name, _, why in REFUSED])
def test_a_variant_that_is_not_reproduced_is_refused(
    family: str, changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelUnavailable, match=reason) as caught:
        opened(tmp_path, CONFIGS[family] | changes)

    assert "\n" not in str(caught.value)


def test_a_config_without_query_groups_is_the_first_chatglm(tmp_path: Path) -> None:
    config = {key: value for key, value in CONFIGS["chatglm"].items() if not key.startswith("multi_query")}

    with pytest.raises(ModelUnavailable, match="first version"):
        opened(tmp_path, config)


def test_a_baichuan_without_positions_is_a_13b(tmp_path: Path) -> None:
    config = {key: value for key, value in CONFIGS["baichuan"].items() if key != "max_position_embeddings"}

    with pytest.raises(ModelUnavailable, match="ALiBi"):
        opened(tmp_path, config)


def test_control_ids_are_the_family_s_where_the_model_reaches_them(tmp_path: Path) -> None:
    small = opened(tmp_path, CONFIGS["chatglm"])
    large = opened(tmp_path, CONFIGS["chatglm"] | {"padded_vocab_size": 65024})

    assert (small.eos_token_id, small.pad_token_id, small.bos_token_id) == ([2], 0, None)
    assert (large.eos_token_id, large.pad_token_id, large.bos_token_id) == ([2, 64795, 64797], 0, None)


@pytest.mark.parametrize(
    "config",
    [
        {
            "model_type": "llama",
            "rope_scaling": None,
            "torch_dtype": "float16",
            "pretraining_tp": 1,
            "max_length": 4096,
        },
        {"model_type": "mistral", "sliding_window": 4096, "torch_dtype": "bfloat16", "rope_theta": 10000.0},
    ],
)
def test_llama_and_mistral_are_read_as_published(config: dict[str, Any], tmp_path: Path) -> None:
    assert opened(tmp_path, config).model_type == config["model_type"]
