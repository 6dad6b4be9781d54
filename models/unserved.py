"""Native models that continuous batching does not serve exactly, told by their config before a weight is read.

The engine keeps the keys and values of all texts in pages, behind transformers' common attention. What a model computes
beside that would be wrong or end the worker. Each of these was seen; tests/integration/models/test_native_families.py
shows which families give the very tokens of a plain forward pass. Knows configs and classes; not folders or engines.
"""

from __future__ import annotations

from typing import Any

from shared.errors import ModelUnavailable

_PAGED = {"full_attention", "sliding_attention"}
_ELSEWHERE = "use one of the families that docs/models.md lists as served"
# Their classes call the common attention, but twice a layer, or without what leads to the pages.
_OWN_WAYS = ("diffllama", "nemotron")


def refuse_unserved(where: object, config: Any) -> None:
    """Raises `ModelUnavailable` with the reason and what to use instead."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    model_class = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    if isinstance(model_class, tuple):
        model_class = model_class[0]
    if model_class is not None and (reason := _reason(model_class, config.get_text_config())):
        raise ModelUnavailable(f"{where}: {config.model_type} {reason}")


def _reason(model_class: Any, config: Any) -> str | None:
    layers = set(getattr(config, "layer_types", None) or _PAGED)
    if getattr(model_class, "_is_stateful", False) or not layers <= _PAGED:
        kinds = ", ".join(sorted(layers - _PAGED)) or "a recurrent state"
        return f"has layers that are not plain attention ({kinds}), which are not batched here: {_ELSEWHERE}"
    if getattr(config, "attn_logit_softcapping", None) is not None:
        return "caps its attention scores, which torch's attention cannot: use Gemma 3, which does not"
    if getattr(config, "kv_lora_rank", None) is not None:
        return f"keeps latent keys and values (MLA), which are not batched here: {_ELSEWHERE}, as a distill of it"
    if not model_class._supports_attention_backend or config.model_type in _OWN_WAYS:
        return f"computes attention in code of its own, which is not batched here: {_ELSEWHERE}, such as Falcon 3"
    if not model_class._supports_sdpa:
        return f"does not work with torch's attention (sdpa), which serves here: {_ELSEWHERE}"
    return None
