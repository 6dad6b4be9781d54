"""Baichuan2-7B as LlamaForCausalLM, its head's rows normalised once instead of at each step."""

from __future__ import annotations

from typing import Any

from models.families.family import ConfigReader, Family, VocabularyFile
from models.rules import drop, normalise, rename, split

_LAYER = "model.layers.{n}."
_SAME = (
    *("self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
    *("input_layernorm", "post_attention_layernorm"),
)
_INSTEAD = "use baichuan-inc/Baichuan2-7B-Chat"


def _thirds(config: Any) -> tuple[int, int, int]:
    return config.hidden_size, config.hidden_size, config.hidden_size


RULES = (
    rename("model.embed_tokens.weight", "model.embed_tokens.weight"),
    split(
        _LAYER + "self_attn.W_pack.weight", tuple(_LAYER + f"self_attn.{part}_proj.weight" for part in "qkv"), _thirds
    ),
    *(rename(f"{_LAYER}{name}.weight", f"{_LAYER}{name}.weight") for name in _SAME),
    rename("model.norm.weight", "model.norm.weight"),
    normalise("lm_head.weight", "lm_head.weight"),
    drop(_LAYER + "self_attn.rotary_emb.inv_freq"),
)


def config(source: ConfigReader) -> dict[str, Any]:
    """Native values; raises `ModelUnavailable` for Baichuan-1, the 13B models and quantised weights."""
    quantised = "quantised weights: use baichuan-inc/Baichuan2-7B-Chat with weight_bits=4"
    source.demand("quantization_config", None, default=None, instead=quantised)
    first = source.peek("vocab_size") == 64000 or "BaiChuanForCausalLM" in (source.peek("architectures") or ())
    source.refuse(first, f"this is Baichuan-1, whose head is not normalised: {_INSTEAD}")
    alibi = source.peek("hidden_size") == 5120 or not source.has("max_position_embeddings")
    source.refuse(alibi, f"this is a 13B model, which uses ALiBi and no rotary embedding: {_INSTEAD}")
    source.demand("hidden_act", "silu", default="silu", instead=_INSTEAD)
    source.demand("tie_word_embeddings", False, default=False, instead=_INSTEAD)
    source.ignore("model_max_length", "bos_token_id", "eos_token_id", "pad_token_id", "z_loss_weight")
    hidden, heads = source.count("hidden_size"), source.count("num_attention_heads")
    source.refuse(hidden % heads != 0, f"hidden_size = {hidden} is not a multiple of {heads} heads")
    return {
        "vocab_size": source.count("vocab_size"),
        "hidden_size": hidden,
        "intermediate_size": source.count("intermediate_size"),
        "num_hidden_layers": source.count("num_hidden_layers"),
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "rms_norm_eps": source.number("rms_norm_eps", default=1e-6),
        "max_position_embeddings": source.count("max_position_embeddings"),
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
    }


BAICHUAN = Family(
    name="baichuan",
    native="LlamaForCausalLM",
    config=config,
    rules=RULES,
    vocabulary=VocabularyFile(
        file="tokenizer.model",
        named={"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"},
    ),
    eos=(2,),
    pad=0,
    bos=1,
)
