"""Baichuan2-7B as its authors describe it: packed q, k, v without bias, and a head whose rows have length one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.integration.models.reference.parts import Weights, angles, attend, linear, rms_norm, silu, turn


def random_weights(config: dict[str, Any], random: torch.Generator) -> Weights:
    hidden, wide = config["hidden_size"], config["intermediate_size"]

    def normal(*shape: int, scale: float = 0.15, mean: float = 0.0) -> Tensor:
        return torch.randn(*shape, generator=random) * scale + mean

    weights = {
        "model.embed_tokens.weight": normal(config["vocab_size"], hidden, scale=0.02),
        "model.norm.weight": normal(hidden, mean=1.0),
        "lm_head.weight": normal(config["vocab_size"], hidden),
    }
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}."
        weights |= {
            f"{layer}input_layernorm.weight": normal(hidden, mean=1.0),
            f"{layer}post_attention_layernorm.weight": normal(hidden, mean=1.0),
            f"{layer}self_attn.W_pack.weight": normal(3 * hidden, hidden),
            f"{layer}self_attn.o_proj.weight": normal(hidden, hidden),
            f"{layer}self_attn.rotary_emb.inv_freq": normal(4),
            f"{layer}mlp.gate_proj.weight": normal(wide, hidden),
            f"{layer}mlp.up_proj.weight": normal(wide, hidden),
            f"{layer}mlp.down_proj.weight": normal(hidden, wide),
        }
    return weights


def logits(config: dict[str, Any], weights: Weights, ids: Tensor) -> Tensor:
    """[tokens, vocabulary] for ids [tokens]."""
    eps, heads = config["rms_norm_eps"], config["num_attention_heads"]
    size = config["hidden_size"] // heads
    angle = angles(len(ids), size, 10000.0)

    def rotate(x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return torch.cat(turn(first, second, angle), -1)

    x = weights["model.embed_tokens.weight"][ids]
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}."
        normed = rms_norm(x, weights[f"{layer}input_layernorm.weight"], eps)
        packed = linear(normed, weights, f"{layer}self_attn.W_pack")
        q, k, v = (part.reshape(len(ids), heads, size) for part in packed.chunk(3, -1))
        x = x + linear(attend(rotate(q), rotate(k), v), weights, f"{layer}self_attn.o_proj")
        normed = rms_norm(x, weights[f"{layer}post_attention_layernorm.weight"], eps)
        gated = silu(linear(normed, weights, f"{layer}mlp.gate_proj")) * linear(normed, weights, f"{layer}mlp.up_proj")
        x = x + linear(gated, weights, f"{layer}mlp.down_proj")
    head = weights["lm_head.weight"]
    rows = head / head.square().sum(-1, keepdim=True).sqrt()
    return rms_norm(x, weights["model.norm.weight"], eps) @ rows.T
