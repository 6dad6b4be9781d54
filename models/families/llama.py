"""LLaMA-2-7B and Mistral-7B: transformers loads their weights itself; the rules serve `convert`."""

from __future__ import annotations

from typing import Any

from models.families.family import ConfigReader, Family, VocabularyFile
from models.rules import drop, rename

_LAYER = "model.layers.{n}."
_PARTS = (
    *(f"self_attn.{part}_proj" for part in "qkvo"),
    *("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "input_layernorm", "post_attention_layernorm"),
)

RULES = (
    rename("model.embed_tokens.weight", "model.embed_tokens.weight"),
    *(rename(f"{_LAYER}{part}.{{p}}", f"{_LAYER}{part}.{{p}}") for part in _PARTS),
    rename("model.norm.weight", "model.norm.weight"),
    rename("lm_head.weight", "lm_head.weight"),
    drop(_LAYER + "self_attn.rotary_emb.inv_freq"),
)


def config(source: ConfigReader) -> dict[str, Any]:
    """The config as it is: transformers defines what its keys mean."""
    return source.rest()


_VOCABULARY = VocabularyFile(
    file="tokenizer.model", named={"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
)
LLAMA = Family("llama", "LlamaForCausalLM", config, RULES, _VOCABULARY, eos=(2,), pad=None, bos=1, legacy=False)
MISTRAL = Family("mistral", "MistralForCausalLM", config, RULES, _VOCABULARY, eos=(2,), pad=None, bos=1, legacy=False)
