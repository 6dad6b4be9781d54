"""What the three architectures share, in float64 and without batches: x is [tokens, hidden]."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Weights = dict[str, Tensor]


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight


def linear(x: Tensor, weights: Weights, name: str) -> Tensor:
    y = x @ weights[f"{name}.weight"].T
    return y + weights[f"{name}.bias"] if f"{name}.bias" in weights else y


def silu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def angles(tokens: int, rotated: int, base: float) -> Tensor:
    """[tokens, pairs]: position times the speed of each pair of dimensions."""
    speed = base ** (-torch.arange(0, rotated, 2, dtype=torch.float64) / rotated)
    return torch.arange(tokens, dtype=torch.float64)[:, None] * speed


def turn(first: Tensor, second: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Rotate pairs, each [tokens, heads, pairs]."""
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    return first * cos - second * sin, second * cos + first * sin


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention. q is [tokens, heads, size]; k and v have as many heads or a divisor of them."""
    tokens, heads, size = q.shape
    hidden = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    out = []
    for head in range(heads):
        group = head * k.shape[1] // heads
        scores = (q[:, head] @ k[:, group].T / math.sqrt(size)).masked_fill(hidden, -math.inf)
        out.append(scores.softmax(-1) @ v[:, group])
    return torch.cat(out, -1)
