"""A folder whose class transformers has: which class serves its text, and whether its tensors are that class's.

Of a model of text and images only the text part is served. Knows configs and tensors by name, not files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import prod
from pathlib import Path
from typing import Any

import torch

from models.families.family import bookkeeping
from models.formats import quantised
from models.memory import parameters_of
from shared.errors import ModelUnavailable

_KEPT = {"architectures", "bos_token_id", "eos_token_id", "pad_token_id"}
_TABLE_VALUES = 1 << 28  # of a class's own tables (positions, causal masks), which no checkpoint holds
# Where models of text and images keep the language model: as published, and as transformers names it since 4.52.
_TEXT = (
    ("language_model.model.", "model."),
    ("language_model.lm_head.", "lm_head."),
    ("model.language_model.", "model."),
    ("lm_head.", "lm_head."),
)


def config_of(values: Mapping[str, Any], model_type: str, path: Path) -> Any:
    """The config of the language model, without what only transformers' bookkeeping reads."""
    from transformers import CONFIG_MAPPING, __version__

    if model_type not in CONFIG_MAPPING:
        if "auto_map" in values:
            reason = (
                "this checkpoint wants to run its own code, which is never done: use a model that has a class there"
            )
        else:
            reason = "update transformers if the model is newer, or use another"
        raise ModelUnavailable(f"{path}: transformers {__version__} has no class for {model_type[:80]!r}: {reason}")
    config_class = CONFIG_MAPPING[model_type]
    dropped = bookkeeping() - _own_fields(config_class) - _KEPT
    whole = config_class(**{key: value for key, value in values.items() if key not in dropped})
    text = whole.get_text_config()
    if text is not whole:  # these are the whole's to say
        if hasattr(whole, "tie_word_embeddings"):
            text.tie_word_embeddings = whole.tie_word_embeddings
        if quantization := getattr(whole, "quantization_config", None):
            text.quantization_config = _of_text(quantization)
    if causal_class(text) is None:
        raise ModelUnavailable(
            f"{path}: transformers has no class that writes text for {model_type}"
            f"{' without its other inputs' if text is not whole else ''}: use a model of text alone"
        )
    return text


def causal_class(config: Any) -> Any:
    """The class that continues a text and takes nothing else; None if there is none."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    found = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    return None if found is None or "ConditionalGeneration" in found.__name__ or config.is_encoder_decoder else found


def text_tensors(tensors: Mapping[str, torch.Tensor], config: Any) -> dict[str, torch.Tensor]:
    """The language model's tensors, by their names in its own class; all of them where it is the whole model."""
    if not any(name.startswith(old) for name in tensors for old, new in _TEXT if old != new):
        return dict(tensors)
    named = {name: _text_name(name) for name in tensors}
    return {new: tensors[name] for name, new in named.items() if new is not None}


def require_tensors_of(cls: Any, config: Any, tensors: Mapping[str, torch.Tensor], where: Path) -> None:
    """Raises `ModelUnavailable` before anything is allocated: a tensor of another shape by name, or a config that asks
    for more than the checkpoint holds."""
    from transformers.conversion_mapping import get_model_conversion_mapping

    require_layers(config, len(tensors), where)
    with torch.device("meta"):
        model = cls(config)
    tied = model.all_tied_weights_keys
    wanted = {name: tuple(value.shape) for name, value in model.named_parameters() if name not in tied}
    if not get_model_conversion_mapping(model, add_legacy=False):  # names are the class's own
        for name in wanted.keys() & tensors.keys() - quantised(tensors).keys():
            if (shape := tuple(tensors[name].shape)) != wanted[name]:
                raise ModelUnavailable(f"{where}: {name} is {shape}; the config asks for {wanted[name]}")
    held, needed = parameters_of(tensors).total, sum(map(prod, wanted.values()))
    if needed > held:
        missing = sorted(wanted.keys() - tensors.keys())
        named = f"; one that is missing is {missing[0]}" if missing else ""
        raise ModelUnavailable(f"{where}: the config asks for {needed} weights, the checkpoint has {held}{named}")
    if sum(buffer.numel() for buffer in model.buffers()) > _TABLE_VALUES:
        raise ModelUnavailable(f"{where}: config.json asks for tables of more than {_TABLE_VALUES} values")


def require_layers(config: Any, tensors: int, where: Path) -> None:
    """Before a class is made, which takes a while for each layer."""
    layers = config.num_hidden_layers
    if layers > tensors:
        raise ModelUnavailable(f"{where}: config.json asks for {layers} layers, the checkpoint has {tensors} tensors")


def _own_fields(config_class: Any) -> set[str]:
    """What a class declares itself: there a name of bookkeeping may mean something else."""
    from transformers import PreTrainedConfig

    return {field.name for field in fields(config_class)} - {field.name for field in fields(PreTrainedConfig)}


def _text_name(name: str) -> str | None:
    return next((new + name.removeprefix(old) for old, new in _TEXT if name.startswith(old)), None)


def _of_text(quantization: Any) -> Any:
    """The quantisation of the whole, with the modules that it leaves alone by their names in the text part."""
    if not isinstance(quantization, dict) or not isinstance(quantization.get("llm_int8_skip_modules"), list):
        return quantization
    kept = [_text_name(f"{name}.") for name in quantization["llm_int8_skip_modules"]]
    return quantization | {"llm_int8_skip_modules": [*(name[:-1] for name in kept if name), "lm_head"]}
