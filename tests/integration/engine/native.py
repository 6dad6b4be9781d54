"""Tiny native models of every class that the decode loop knows, with large random weights and biases."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    GlmConfig,
    GlmForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

VOCABULARY = 131
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "pad_token_id": 0,
    "attn_implementation": "sdpa",
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
YARN = {"rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 64}
WAYS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "glm": (GlmForCausalLM, GlmConfig, {"head_dim": 16, "attention_bias": True}),
    "glm without biases": (GlmForCausalLM, GlmConfig, {"head_dim": 16, "attention_bias": False}),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, {}),
    "qwen2 tied": (Qwen2ForCausalLM, Qwen2Config, {"tie_word_embeddings": True}),
    "qwen2 with a window in its last layer": (
        *(Qwen2ForCausalLM, Qwen2Config),
        {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1},
    ),
    "llama of one head a group": (LlamaForCausalLM, LlamaConfig, {"num_key_value_heads": 4}),
    "llama tied": (LlamaForCausalLM, LlamaConfig, {"tie_word_embeddings": True}),
    "llama with every bias": (LlamaForCausalLM, LlamaConfig, {"attention_bias": True, "mlp_bias": True}),
    "llama llama3": (LlamaForCausalLM, LlamaConfig, {"rope_parameters": LLAMA3}),
    "llama linear": (LlamaForCausalLM, LlamaConfig, {"rope_parameters": LINEAR}),
    "llama yarn": (LlamaForCausalLM, LlamaConfig, {"rope_parameters": YARN}),
    "mistral": (MistralForCausalLM, MistralConfig, {"sliding_window": None}),
    "mistral with a window": (MistralForCausalLM, MistralConfig, {"sliding_window": 7}),
    "mistral with wide heads": (MistralForCausalLM, MistralConfig, {"head_dim": 40, "sliding_window": 16}),
}


def native(way: str, **more: Any) -> Any:
    """The model of a row of `WAYS`, float32; the same weights each time."""
    torch.manual_seed(11)
    made, config, own = WAYS[way]
    model = made(config(**(SIZES | own | more))).float().eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if name.endswith("bias") or "norm" in name:  # which are 0 and 1 else
                tensor.add_(torch.randn_like(tensor) * 0.3)
    return model
