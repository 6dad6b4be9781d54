"""What a folder holds when it is no plain 16-bit model: an adapter, another program's files, quantised weights.

Each that is not served is refused in one line that names it and says what to do. Knows formats, not models.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from models.files import read_json
from shared.errors import ModelUnavailable

PLAIN = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
ADAPTER = "adapter_config.json"
_ORIGINAL = "use the checkpoint that it was made from, with weight_bits=8 or 4"
# What a file that only one program writes means. Tried in order, when there is no config.json or no weights.
_OTHERS = (
    ("*.gguf", "a GGUF file, which llama.cpp reads", "use the folder of safetensors that it was made from"),
    ("params.json", "Mistral's or Meta's own layout", "use the same model's folder with config.json ('-hf')"),
    ("consolidated*", "Mistral's or Meta's own layout", "use the same model's folder with model-*.safetensors ('-hf')"),
    ("mlx_model*", "MLX's layout, for Apple's processors", _ORIGINAL),
    ("qmodel.pt", "weights quantised by HQQ", _ORIGINAL),
    ("*.onnx", "an ONNX file", "use the folder of safetensors that it was made from"),
    ("tf_model.h5", "TensorFlow's weights", "use the same model's safetensors"),
    ("flax_model.msgpack", "Flax's weights", "use the same model's safetensors"),
    ("model_index.json", "a diffusion pipeline", "use a language model"),
    ("snapshots/*/config.json", "the hub's cache", "name the folder below snapshots/ instead"),
    ("*/config.json", "folders of models", "name one of them instead"),
)
_SHARDS = (
    ("*.safetensors", "a file of weights without an index", "get model.safetensors.index.json too"),
    ("pytorch_model*.bin", "a file of weights without an index", "get pytorch_model.bin.index.json too"),
)


def refuse_adapter(folder: Path) -> None:
    """A finetune that was saved without its model, or beside it: serving the bare model would be another one."""
    if not (folder / ADAPTER).exists():
        return
    values = read_json(folder / ADAPTER)
    base, kind = (str(values.get(key) or "?")[:100] for key in ("base_model_name_or_path", "peft_type"))
    raise ModelUnavailable(
        f"{folder} holds an adapter ({kind!r}) of {base!r}, which is served only merged into it: with peft installed, "
        f'python -c "from peft import AutoPeftModelForCausalLM as A; '
        f'A.from_pretrained({str(folder)!r}).merge_and_unload().save_pretrained({folder.name + "-merged"!r})", '
        "and copy the tokenizer's files there"
    )


def without_config(folder: Path) -> ModelUnavailable:
    return _explained(folder, "has no config.json", _OTHERS)


def without_weights(folder: Path, needed: str) -> ModelUnavailable:
    return _explained(folder, f"holds no weights: one of {needed} is needed", (*_OTHERS, *_SHARDS))


def _explained(folder: Path, lacks: str, others: tuple[tuple[str, str, str], ...]) -> ModelUnavailable:
    for pattern, what, instead in others:
        if found := next(iter(folder.glob(pattern)), None):
            return ModelUnavailable(f"{folder} {lacks}; {found.relative_to(folder)} is {what}: {instead}")
    return ModelUnavailable(f"{folder} {lacks}")


def config_bits(config: Mapping[str, Any], where: Path) -> int:
    """The bits a weight that config.json promises: 16, or 8 and 4 by bitsandbytes; any other method is refused."""
    values = config.get("quantization_config") or config.get("compression_config") or config.get("quantization")
    if not values:
        return 16
    facts = values if isinstance(values, dict) else {"quant_method": values}
    method = facts.get("quant_method") or ("MLX" if config.get("quantization") else "a method without a name")
    if facts.get("quant_method") in (None, "bitsandbytes"):
        for bits in (4, 8):
            if facts.get(f"load_in_{bits}bit") or facts.get(f"_load_in_{bits}bit"):
                return bits
    raise ModelUnavailable(
        f"{where}: its weights are quantised by {str(method)[:40]}, which is not served: {_ORIGINAL}"
    )


def weight_bits(tensors: Mapping[str, torch.Tensor], promised: int, where: Path) -> int:
    """The bits a weight as the tensors themselves have it; raises `ModelUnavailable` where config.json differs."""
    if any(name.endswith((".qweight", ".qzeros")) for name in tensors):
        raise ModelUnavailable(f"{where}: its weights are quantised by GPTQ or AWQ, which are not served: {_ORIGINAL}")
    held = min(quantised(tensors).values(), default=16)
    if held != promised:
        found = f"are quantised to {held} bits by bitsandbytes" if held != 16 else "are not quantised"
        fix = "take config.json from where they came" if held != 16 else "remove quantization_config from config.json"
        raise ModelUnavailable(f"{where}: its weights {found}, and config.json says {promised} bits: {fix}")
    odd = [name for name, tensor in tensors.items() if tensor.dtype not in PLAIN and name.endswith("weight")]
    if held == 16 and odd:
        kind = str(tensors[odd[0]].dtype).removeprefix("torch.")
        raise ModelUnavailable(f"{where}: {odd[0]} is {kind}: quantised in a way that is not served: {_ORIGINAL}")
    return held


def quantised(tensors: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """The weights that bitsandbytes quantised, by name, and to how many bits: it keeps their scales beside them."""
    bits = {name: 4 for name in tensors if f"{name}.absmax" in tensors}
    return bits | {name: 8 for name in tensors if name.endswith("weight") and _scale(name) in tensors}


def is_scale(name: str, quantised_names: Mapping[str, int]) -> bool:
    """Whether a tensor only says how another is quantised."""
    weight = name.partition("weight.")[0] + "weight"
    return name.endswith((".SCB", ".weight_format")) or (weight in quantised_names and name != weight)


def _scale(name: str) -> str:
    return f"{name.removesuffix('weight')}SCB"
