"""A loaded model with its layers made 8-bit ones, for a CPU. Knows modules by their classes; not files or cores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.int8 import Embedding16, Kernel8, Linear8
from models.int8_file import weights8

_LEAST_SHARE = 0.8  # of the weights outside of tables: a model of experts keeps its own in tensors that are no layers


def can_be_quantised(model: Any) -> bool:
    """Whether nearly all of its weights are in plain layers."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    layers = {id(module.weight): module.weight.numel() for module in model.modules() if type(module) is nn.Linear}
    rest = sum(weight.numel() for weight in model.parameters() if id(weight) not in tables)
    inner = sum(count for weight, count in layers.items() if weight not in tables)
    return bool(layers) and inner >= _LEAST_SHARE * rest


def quantise(model: Any, folder: Path, cache_dir: Path, kernel: Kernel8, dtype: torch.dtype) -> None:
    """Its weights may be views of a mapped file: those of layers are read only where the cache has none of them yet,
    those of tables stay there. All else becomes `dtype`, in which the model computes from now on."""
    layers = {name: module for name, module in model.named_modules() if type(module) is nn.Linear}
    weights = weights8({name: layer.weight.data for name, layer in layers.items()}, folder, cache_dir)
    for name, layer in layers.items():
        model.set_submodule(name, Linear8(*weights[name], None if layer.bias is None else layer.bias.data, kernel))
    for name, module in [*model.named_modules()]:
        if type(module) is nn.Embedding:
            model.set_submodule(name, Embedding16(module.weight.data, dtype))
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    model.config.dtype = dtype
