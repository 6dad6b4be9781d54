"""Flash attention under torch 2.11 with the face that `varlen_attn` has from torch 2.13 on.

That version's has no `enable_gqa`, so transformers' batching would stay with masked sdpa there, and figures would be of
another engine. The operator below it takes grouped heads.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.attention import varlen


def flash(
    query: Any,
    key: Any,
    value: Any,
    cu_seq_q: Any,
    cu_seq_k: Any,
    max_q: int,
    max_k: int,
    *,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = True,
) -> Any:
    """query [tokens, heads, width], key and value [tokens, groups, width], on CUDA in 16 bits; a tensor like query."""
    assert enable_gqa
    left, right = window_size
    causal = window_size == (-1, 0)
    ends = (cu_seq_q, cu_seq_k, max_q, max_k)
    return torch.ops.aten._flash_attention_forward(
        query, key, value, *ends, 0.0, causal, False, scale=scale, window_size_left=left, window_size_right=right
    )[0]


def kernel() -> Any:
    """The varlen kernel of this torch, or the operator in its place."""
    new = "enable_gqa" in inspect.signature(varlen.varlen_attn).parameters
    return varlen.varlen_attn if new else flash


def pytest_configure() -> None:
    """`pytest -p tests.bench.torch_211`: the kernel that engines take by default, in the tests that want a card."""
    from worker.engine.batch import BatchEngine

    defaults = BatchEngine.__init__.__kwdefaults__
    assert defaults
    defaults["varlen"] = kernel()
