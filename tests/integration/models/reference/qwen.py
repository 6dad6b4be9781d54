"""Qwen v1 as its authors describe it, up to its trained length: SiLU on w2, heads rotated in halves, biased c_attn."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.integration.models.reference.parts import Weights, angles, attend, linear, rms_norm, silu, turn


def random_weights(config: dict[str, Any], random: torch.Generator) -> Weights:
    hidden, wide = config["hidden_size"], config["intermediate_size"] // 2

    def normal(*shape: int, scale: float = 0.15, mean: float = 0.0) -> Tensor:
        return torch.randn(*shape, generator=random) * scale + mean

    weights = {
        "transformer.wte.weight": normal(config["vocab_size"], hidden, scale=0.02),
        "transformer.ln_f.weight": normal(hidden, mean=1.0),
        "lm_head.weight": normal(config["vocab_size"], hidden),
    }
    for number in range(config["num_hidden_layers"]):
        layer = f"transformer.h.{number}."
        weights |= {
            f"{layer}ln_1.weight": normal(hidden, mean=1.0),
            f"{layer}ln_2.weight": normal(hidden, mean=1.0),
            f"{layer}attn.c_attn.weight": normal(3 * hidden, hidden),
            f"{layer}attn.c_attn.bias": normal(3 * hidden),
            f"{layer}attn.c_proj.weight": normal(hidden, hidden),
            f"{layer}mlp.w1.weight": normal(wide, hidden),
            f"{layer}mlp.w2.weight": normal(wide, hidden),
            f"{layer}mlp.c_proj.weight": normal(hidden, wide),
        }
    return weights


def logits(config: dict[str, Any], weights: Weights, ids: Tensor) -> Tensor:
    """[tokens, vocabulary] for ids [tokens], at most `seq_length` of them."""
    eps, heads = config["layer_norm_epsilon"], config["num_attention_heads"]
    size = config["hidden_size"] // heads
    angle = angles(len(ids), size, float(config["rotary_emb_base"]))

    def rotate(x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return torch.cat(turn(first, second, angle), -1)

    x = weights["transformer.wte.weight"][ids]
    for number in range(config["num_hidden_layers"]):
        layer = f"transformer.h.{number}."
        mixed = linear(rms_norm(x, weights[f"{layer}ln_1.weight"], eps), weights, f"{layer}attn.c_attn")
        q, k, v = (part.reshape(len(ids), heads, size) for part in mixed.chunk(3, -1))
        x = x + linear(attend(rotate(q), rotate(k), v), weights, f"{layer}attn.c_proj")
        normed = rms_norm(x, weights[f"{layer}ln_2.weight"], eps)
        gated = linear(normed, weights, f"{layer}mlp.w1") * silu(linear(normed, weights, f"{layer}mlp.w2"))
        x = x + linear(gated, weights, f"{layer}mlp.c_proj")
    return linear(rms_norm(x, weights["transformer.ln_f.weight"], eps), weights, "lm_head")
