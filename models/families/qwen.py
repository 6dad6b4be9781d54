"""Qwen v1 (Qwen-7B, Qwen-7B-Chat) as Qwen2ForCausalLM.

The context ends at `seq_length`: beyond it the original changes its RoPE and scales its queries.
"""

from __future__ import annotations

from typing import Any

from models.families.family import ConfigReader, Family, VocabularyFile
from models.rules import drop, rename, split

_OLD = "transformer.h.{n}."
_NEW = "model.layers.{n}."
_INSTEAD = "no published Qwen-7B has it; use Qwen/Qwen-7B-Chat"


def _thirds(config: Any) -> tuple[int, int, int]:
    return config.hidden_size, config.hidden_size, config.hidden_size


RULES = (
    rename("transformer.wte.weight", "model.embed_tokens.weight"),
    rename(_OLD + "ln_1.weight", _NEW + "input_layernorm.weight"),
    rename(_OLD + "ln_2.weight", _NEW + "post_attention_layernorm.weight"),
    split(_OLD + "attn.c_attn.{p}", tuple(_NEW + f"self_attn.{part}_proj.{{p}}" for part in "qkv"), _thirds),
    rename(_OLD + "attn.c_proj.weight", _NEW + "self_attn.o_proj.weight"),
    rename(_OLD + "mlp.w1.weight", _NEW + "mlp.up_proj.weight"),  # the reverse of what the names suggest:
    rename(_OLD + "mlp.w2.weight", _NEW + "mlp.gate_proj.weight"),  # the original applies SiLU to w2
    rename(_OLD + "mlp.c_proj.weight", _NEW + "mlp.down_proj.weight"),
    rename("transformer.ln_f.weight", "model.norm.weight"),
    rename("lm_head.weight", "lm_head.weight"),
    drop("transformer.rotary_emb.inv_freq"),
)


def config(source: ConfigReader) -> dict[str, Any]:
    """Native values from either dialect of the config; raises `ModelUnavailable` for what is not reproduced."""
    quantised = "quantised weights: use the original checkpoint with weight_bits=8 or 4"
    source.demand("quantization_config", None, default=None, instead=quantised)
    for name, value in (
        ("no_bias", True),
        ("rotary_pct", 1.0),
        ("scale_attn_weights", True),
        ("tie_word_embeddings", False),
        ("pos_emb", "rotary"),
        ("activation", "swiglu"),
        ("apply_residual_connection_post_layernorm", False),
        ("n_inner", None),
    ):
        source.demand(name, value, default=value, instead=_INSTEAD)
    hidden, heads = source.count("hidden_size", "n_embd"), source.count("num_attention_heads", "n_head")
    channels = source.count("kv_channels", default=hidden // heads)
    source.refuse(channels * heads != hidden, f"kv_channels = {channels} is not hidden_size / heads: {_INSTEAD}")
    feed_forward = source.count("intermediate_size", "ffn_hidden_size")
    source.refuse(feed_forward % 2 == 1, f"intermediate_size = {feed_forward} is odd; it counts gate and up together")
    padded = source.take("padded_vocab_size", default=None)
    rows = source.count("vocab_size", default=padded)
    source.ignore(  # training, dropout, precision, kernels; or effective only beyond seq_length
        *("attn_dropout_prob", "attn_pdrop", "bf16", "bias_dropout_fusion", "bos_token_id", "embd_pdrop"),
        *("emb_dropout_prob", "eos_token_id", "fp16", "fp32", "max_position_embeddings", "n_positions", "onnx_safe"),
        *("pad_token_id", "params_dtype", "resid_pdrop", "softmax_in_fp32", "tokenizer_type", "use_cache_kernel"),
        *("use_cache_quantization", "use_dynamic_ntk", "use_flash_attn", "use_logn_attn"),
    )
    return {
        "vocab_size": rows if padded is None else max(rows, padded),
        "hidden_size": hidden,
        "intermediate_size": feed_forward // 2,
        "num_hidden_layers": source.count("num_hidden_layers", "n_layer"),
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "rms_norm_eps": source.number("layer_norm_epsilon", default=1e-6),
        "max_position_embeddings": source.count("seq_length"),
        "rope_parameters": {"rope_type": "default", "rope_theta": source.number("rotary_emb_base", default=10000.0)},
        "use_sliding_window": False,
        "tie_word_embeddings": False,
    }


QWEN = Family(
    name="qwen",
    native="Qwen2ForCausalLM",
    config=config,
    rules=RULES,
    vocabulary=VocabularyFile(
        file="qwen.tiktoken",
        extra=(
            *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
            *(f"<|extra_{number}|>" for number in range(205)),
        ),
        extra_from=151643,
        pattern=(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
        named={"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
    ),
    eos=(151643, 151645, 151644),
    pad=151643,
)
