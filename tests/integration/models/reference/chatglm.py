"""ChatGLM2 and 3 as their authors describe them: grouped queries, half of each head rotated in adjacent pairs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.integration.models.reference.parts import Weights, angles, attend, linear, rms_norm, silu, turn


def random_weights(config: dict[str, Any], random: torch.Generator) -> Weights:
    hidden, wide, size = config["hidden_size"], config["ffn_hidden_size"], config["kv_channels"]
    heads, groups = config["num_attention_heads"], config["multi_query_group_num"]

    def normal(*shape: int, scale: float = 0.15, mean: float = 0.0) -> Tensor:
        return torch.randn(*shape, generator=random) * scale + mean

    weights = {
        "transformer.embedding.word_embeddings.weight": normal(config["padded_vocab_size"], hidden, scale=0.02),
        "transformer.rotary_pos_emb.inv_freq": normal(size // 4 or 1),
        "transformer.encoder.final_layernorm.weight": normal(hidden, mean=1.0),
        "transformer.output_layer.weight": normal(config["padded_vocab_size"], hidden),
    }
    for number in range(config["num_layers"]):
        layer = f"transformer.encoder.layers.{number}."
        weights |= {
            f"{layer}input_layernorm.weight": normal(hidden, mean=1.0),
            f"{layer}post_attention_layernorm.weight": normal(hidden, mean=1.0),
            f"{layer}self_attention.query_key_value.weight": normal((heads + 2 * groups) * size, hidden),
            f"{layer}self_attention.dense.weight": normal(hidden, heads * size),
            f"{layer}mlp.dense_h_to_4h.weight": normal(2 * wide, hidden),
            f"{layer}mlp.dense_4h_to_h.weight": normal(hidden, wide),
        }
        if config["add_qkv_bias"]:
            weights[f"{layer}self_attention.query_key_value.bias"] = normal((heads + 2 * groups) * size)
    return weights


def logits(config: dict[str, Any], weights: Weights, ids: Tensor) -> Tensor:
    """[tokens, vocabulary] for ids [tokens]."""
    eps, size = config["layernorm_epsilon"], config["kv_channels"]
    heads, groups = config["num_attention_heads"], config["multi_query_group_num"]
    angle = angles(len(ids), size // 2, 10000.0 * config.get("rope_ratio", 1))

    def rotate(x: Tensor) -> Tensor:
        turned, rest = x[..., : size // 2], x[..., size // 2 :]
        pairs = turn(turned[..., 0::2], turned[..., 1::2], angle)
        return torch.cat([torch.stack(pairs, -1).flatten(-2), rest], -1)

    x = weights["transformer.embedding.word_embeddings.weight"][ids]
    for number in range(config["num_layers"]):
        layer = f"transformer.encoder.layers.{number}."
        normed = rms_norm(x, weights[f"{layer}input_layernorm.weight"], eps)
        mixed = linear(normed, weights, f"{layer}self_attention.query_key_value")
        q, k, v = mixed.reshape(len(ids), heads + 2 * groups, size).split([heads, groups, groups], 1)
        x = x + linear(attend(rotate(q), rotate(k), v), weights, f"{layer}self_attention.dense")
        normed = rms_norm(x, weights[f"{layer}post_attention_layernorm.weight"], eps)
        gate, up = linear(normed, weights, f"{layer}mlp.dense_h_to_4h").chunk(2, -1)
        x = x + linear(silu(gate) * up, weights, f"{layer}mlp.dense_4h_to_h")
    x = rms_norm(x, weights["transformer.encoder.final_layernorm.weight"], eps)
    return linear(x, weights, "transformer.output_layer")
