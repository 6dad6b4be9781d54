"""ChatGLM2-6B and ChatGLM3-6B as GlmForCausalLM."""

from __future__ import annotations

from typing import Any

from models.families.family import ConfigReader, Family, VocabularyFile
from models.rules import drop, rename, split

_OLD = "transformer.encoder.layers.{n}."
_NEW = "model.layers.{n}."
_INSTEAD = "no published ChatGLM2 or ChatGLM3 has it; use THUDM/chatglm3-6b"


def _heads(config: Any) -> tuple[int, int, int]:
    groups = config.num_key_value_heads * config.head_dim
    return config.num_attention_heads * config.head_dim, groups, groups


RULES = (
    rename("transformer.embedding.word_embeddings.weight", "model.embed_tokens.weight"),
    rename(_OLD + "input_layernorm.weight", _NEW + "input_layernorm.weight"),
    rename(_OLD + "post_attention_layernorm.weight", _NEW + "post_attention_layernorm.weight"),
    split(
        _OLD + "self_attention.query_key_value.{p}",
        tuple(_NEW + f"self_attn.{part}_proj.{{p}}" for part in "qkv"),
        _heads,
    ),
    rename(_OLD + "self_attention.dense.weight", _NEW + "self_attn.o_proj.weight"),
    rename(_OLD + "mlp.dense_h_to_4h.weight", _NEW + "mlp.gate_up_proj.weight"),  # both call the first half the gate
    rename(_OLD + "mlp.dense_4h_to_h.weight", _NEW + "mlp.down_proj.weight"),
    rename("transformer.encoder.final_layernorm.weight", "model.norm.weight"),
    rename("transformer.output_layer.weight", "lm_head.weight"),
    drop("transformer.rotary_pos_emb.inv_freq"),
)


def config(source: ConfigReader) -> dict[str, Any]:
    """Native values; raises `ModelUnavailable` for a variant that GlmForCausalLM does not reproduce."""
    v1 = (
        source.has("position_encoding_2d") or source.has("inner_hidden_size") or not source.has("multi_query_group_num")
    )
    source.refuse(v1, "this is ChatGLM-6B, the first version, another architecture: use THUDM/chatglm3-6b")
    interpolates = "chatglm2-6b-32k" in source.origin
    source.refuse(interpolates, "chatglm2-6b-32k interpolates positions in its own way: use THUDM/chatglm3-6b-32k")
    glm4 = source.take("eos_token_id", default=2) not in (2, [2], None)
    source.refuse(glm4, "its end-of-text tokens are not ChatGLM's: for GLM-4 use THUDM/glm-4-9b-chat-hf")
    quantised = "quantised weights: use the fp16 checkpoint with weight_bits=8 or 4"
    source.demand("quantization_bit", 0, None, default=0, instead=quantised)
    source.demand("quantization_config", None, default=None, instead=quantised)
    source.demand("pre_seq_len", 0, None, default=None, instead="a prefix-tuned checkpoint: merge it or use the model")
    source.demand("prefix_projection", False, None, default=False, instead="a prefix-tuned checkpoint")
    for name, value in (
        ("rmsnorm", True),
        ("post_layer_norm", True),
        ("add_bias_linear", False),
        ("apply_residual_connection_post_layernorm", False),
        ("tie_word_embeddings", False),
        ("interleaved_qkv", False),
    ):
        source.demand(name, value, default=value, instead=_INSTEAD)
    source.demand("multi_query_attention", True, default=False, instead=_INSTEAD)
    source.ignore(  # training, dropout, or read by no line of the forward pass
        *("apply_query_key_layer_scaling", "attention_dropout", "attention_softmax_in_fp32", "bias_dropout_fusion"),
        *("classifier_dropout", "fp32_residual_connection", "hidden_dropout", "original_rope", "pad_token_id"),
        *("bos_token_id", "vocab_size"),
    )
    return {
        "vocab_size": source.count("padded_vocab_size"),
        "hidden_size": source.count("hidden_size"),
        "intermediate_size": source.count("ffn_hidden_size"),
        "num_hidden_layers": source.count("num_layers"),
        "num_attention_heads": source.count("num_attention_heads"),
        "num_key_value_heads": source.count("multi_query_group_num"),
        "head_dim": source.count("kv_channels"),
        "rms_norm_eps": source.number("layernorm_epsilon", default=1e-5),
        "max_position_embeddings": source.count("seq_length"),
        "attention_bias": source.flag("add_qkv_bias", default=False),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0 * source.number("rope_ratio", default=1),
            "partial_rotary_factor": 0.5,
        },
        "tie_word_embeddings": False,
    }


CHATGLM = Family(
    name="chatglm",
    native="GlmForCausalLM",
    config=config,
    rules=RULES,
    vocabulary=VocabularyFile(
        file="tokenizer.model",
        extra=(
            *("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"),
            *("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"),
        ),
        extra_from=64789,
        named={"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"},
    ),
    eos=(2, 64795, 64797),  # </s>, and where the user or a tool would speak next
    pad=0,
)
