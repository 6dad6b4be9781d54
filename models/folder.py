"""A model's folder: its config in native terms, its family, and the plan that turns its tensors into native ones.

Loads no weights. Reads config.json itself: the Auto classes would ask on stdin whether
to run a checkpoint's code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models import rules
from models.families.family import ConfigReader, Family
from models.families.registry import FAMILIES
from models.rules import Piece, TensorShape
from shared.errors import ModelUnavailable


@dataclass(frozen=True)
class ModelFolder:
    """`family` is None for a model that transformers alone knows; `origin` is where the folder says it came from."""

    path: Path
    model_type: str
    origin: str
    family: Family | None
    config: Any

    @property
    def legacy(self) -> bool:
        return self.family is not None and self.family.legacy

    def native_class(self) -> Any:
        import transformers

        assert self.family is not None
        return getattr(transformers, self.family.native)


def open_folder(path: Path) -> ModelFolder:
    """Raises `ModelUnavailable` for a config that cannot be read, is not supported, or wants to run code."""
    values = read_json(path / "config.json")
    model_type = values.get("model_type")
    if not isinstance(model_type, str):
        raise ModelUnavailable(f"{path}: config.json has no model_type")
    family = FAMILIES.get(model_type)
    if "auto_map" in values and family is None:
        raise ModelUnavailable(f"{path}: this checkpoint wants to run its own code, which is never done")
    source = ConfigReader(values, path.name)
    config = _native(family, source) if family and family.legacy else _transformers(path, model_type, values)
    return ModelFolder(path, model_type, source.origin, family, config)


def plan(folder: ModelFolder, shapes: Mapping[str, TensorShape]) -> list[Piece]:
    """The pieces that are exactly the native model's tensors; raises `ModelUnavailable` naming what does not fit."""
    assert folder.family is not None
    try:
        pieces = rules.apply(folder.family.rules, shapes, folder.config)
        if folder.config.tie_word_embeddings:  # a head that is written all the same is the embedding again
            pieces = [piece for piece in pieces if piece.target != "lm_head.weight"]
        rules.check_complete(pieces, _expected(folder))
    except ModelUnavailable as error:
        raise ModelUnavailable(f"{folder.path}: {error}") from error
    return pieces


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; raises `ModelUnavailable`."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{path} cannot be read ({type(error).__name__})") from error
    if not isinstance(values, dict):
        raise ModelUnavailable(f"{path} is no JSON object")
    return values


def _native(family: Family, source: ConfigReader) -> Any:
    import transformers

    values = family.config(source)
    source.finish()
    values |= family.control_ids(values["vocab_size"])
    try:
        return getattr(transformers, family.native).config_class(architectures=[family.native], **values)
    except ValueError as error:  # transformers checks types and divisibility
        raise ModelUnavailable(f"{source.where}: {_line(error)}") from error


def _transformers(path: Path, model_type: str, values: dict[str, Any]) -> Any:
    from transformers import AutoConfig

    values = {key: value for key, value in values.items() if key not in ("auto_map", "model_type")}
    try:
        return AutoConfig.for_model(model_type, **values)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelUnavailable(f"{path}: {_line(error)}") from error


def _expected(folder: ModelFolder) -> dict[str, TensorShape]:
    """The tensors that the native class holds, from an instance without memory."""
    with torch.device("meta"):
        model = folder.native_class()(folder.config)
    tied: Iterable[str] = ("lm_head.weight",) if folder.config.tie_word_embeddings else ()
    return {name: tuple(value.shape) for name, value in model.state_dict().items() if name not in tied}


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__
