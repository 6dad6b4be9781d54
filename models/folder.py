"""A model's folder: its config in native terms, its family, and the plan that turns its tensors into native ones.

Loads no weights. Reads config.json itself: the Auto classes would ask on stdin whether
to run a checkpoint's code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from models import checkpoint, formats, native, rules
from models.families.family import ConfigReader, Family
from models.families.registry import FAMILIES
from models.files import read_json, refusals_in_one_line, require_plain
from models.rules import Piece, TensorShape
from shared.errors import ModelUnavailable

_MOST_PARTS = 10_000
_COUNTS_PARTS = re.compile(r"(?!.*(size|dim|capacity|window|token))(.*_)?(layers?|experts?|blocks?|depth|labels)(_.*)?")


@dataclass(frozen=True)
class ModelFolder:
    """`family` is None for a model that transformers alone knows; `origin` is where the folder says it came from."""

    path: Path
    model_type: str
    origin: str
    family: Family | None
    config: Any
    held_bits: int = 16  # a weight, in the checkpoint

    @property
    def legacy(self) -> bool:
        return self.family is not None and self.family.legacy

    def served_bits(self, wanted: int | Literal["auto"]) -> int | Literal["auto"]:
        """Weights that are quantised already stay so: 16 asks for them as they are. Raises `ModelUnavailable`."""
        if self.held_bits == 16:
            return wanted
        if wanted not in (16, "auto", self.held_bits):
            raise ModelUnavailable(
                f"{self.path} is quantised to {self.held_bits} bits already, not {wanted}: leave weight_bits out"
            )
        return self.held_bits

    def native_class(self) -> Any:
        import transformers

        if not self.legacy:
            return native.causal_class(self.config)
        assert self.family is not None
        return getattr(transformers, self.family.native)


def open_folder(path: Path) -> ModelFolder:
    """Raises `ModelUnavailable` for a config that cannot be read, is not supported, or wants to run code."""
    require_plain(path)
    formats.refuse_adapter(path)
    if not (path / "config.json").exists():
        raise formats.without_config(path)
    values = read_json(path / "config.json")
    model_type = values.get("model_type")
    if not isinstance(model_type, str):
        raise ModelUnavailable(f"{path}: config.json has no model_type")
    _require_sane_counts(values, path)
    family = FAMILIES.get(model_type)
    source = ConfigReader(values, path.name)
    with refusals_in_one_line(path):
        if family and family.legacy:
            return ModelFolder(path, model_type, source.origin, family, _legacy_config(family, source))
        bits = formats.config_bits(values, path)
        config = native.config_of(values, model_type, path)
        return ModelFolder(path, model_type, source.origin, family, config, bits)


def plan(folder: ModelFolder, shapes: Mapping[str, TensorShape]) -> list[Piece]:
    """The pieces that are exactly the native model's tensors; raises `ModelUnavailable` naming what does not fit."""
    assert folder.family is not None
    try:
        pieces = rules.apply(folder.family.rules, shapes, folder.config)
        if folder.config.tie_word_embeddings:  # a head that is written all the same is the embedding again
            pieces = [piece for piece in pieces if piece.target != "lm_head.weight"]
        rules.check_complete(pieces, _expected(folder, len(shapes)))
    except ModelUnavailable as error:
        raise ModelUnavailable(f"{folder.path}: {error}") from error
    return pieces


def weights(folder: ModelFolder) -> dict[str, torch.Tensor]:
    """The tensors of the folder's language model, of the bits that its config promises; `ModelUnavailable` else."""
    tensors = checkpoint.tensors(folder.path)
    if not folder.legacy:
        tensors = native.text_tensors(tensors, folder.config)
    formats.weight_bits(tensors, folder.held_bits, folder.path)
    return tensors


def _require_sane_counts(values: Any, path: Path) -> None:
    """Layers, experts and labels are made one by one, so a billion of them would take all time or memory."""
    for key, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, int) and value > _MOST_PARTS and _COUNTS_PARTS.fullmatch(key):
            raise ModelUnavailable(f"{path}: config.json asks for {key} = {value}; no model has so many")
        _require_sane_counts(value, path)


def _legacy_config(family: Family, source: ConfigReader) -> Any:
    import transformers

    values = family.config(source)
    source.finish()
    values |= family.control_ids(values["vocab_size"])
    return getattr(transformers, family.native).config_class(architectures=[family.native], **values)


def _expected(folder: ModelFolder, tensors: int) -> dict[str, TensorShape]:
    """The tensors that the native class holds, from an instance without memory."""
    native.require_layers(folder.config, tensors, folder.path)
    with torch.device("meta"):
        model = folder.native_class()(folder.config)
    tied: Iterable[str] = ("lm_head.weight",) if folder.config.tie_word_embeddings else ()
    return {name: tuple(value.shape) for name, value in model.state_dict().items() if name not in tied}
