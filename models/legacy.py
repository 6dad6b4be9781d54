"""A legacy folder as a native model: its tensors are cut, named and cast when transformers asks for each of them.

Knows a folder's plan; neither devices nor what is quantised how.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch

from models import checkpoint
from models.folder import ModelFolder, plan
from models.rules import Piece


class _Lazy:
    """A native tensor that is made when transformers asks for it (by `[...]`, as it does of a safetensors slice)."""

    def __init__(self, piece: Piece, tensor: torch.Tensor, dtype: torch.dtype) -> None:
        self._piece, self._tensor, self._dtype = piece, tensor, dtype

    def __getitem__(self, _: Any) -> torch.Tensor:
        value = self._piece.value(self._tensor, self._dtype)
        view = self._piece.view(self._tensor)
        if value.data_ptr() != view.data_ptr():
            checkpoint.let_go(view)
        return value


def load_legacy(
    folder: ModelFolder, tensors: dict[str, torch.Tensor], dtype: torch.dtype, options: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    pieces = plan(folder, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    wanted = dtype
    if options["quantization_config"]:
        # Quantised from what is on disk: a cast first would round twice, and hold each weight once more.
        dtype = _held(pieces, tensors, dtype)
    state = {piece.target: _Lazy(piece, tensors[piece.source], dtype) for piece in pieces}
    model, info = folder.native_class().from_pretrained(
        None, config=folder.config, state_dict=state, **(options | {"dtype": dtype})
    )
    if options["quantization_config"]:
        for piece in pieces:
            checkpoint.let_go(piece.view(tensors[piece.source]))
        give_back()
    if dtype != wanted:
        for parameter in model.parameters():
            if parameter.is_floating_point():
                parameter.data = parameter.data.to(wanted)
        model.config.dtype = wanted
    return model, info


def give_back() -> None:
    """Return what quantising freed to the system: glibc keeps hundreds of megabytes of it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _held(pieces: list[Piece], tensors: dict[str, torch.Tensor], otherwise: torch.dtype) -> torch.dtype:
    """The dtype of the checkpoint, if it has one of 16 bits."""
    held = {tensors[piece.source].dtype for piece in pieces}
    return held.pop() if len(held) == 1 and held <= {torch.float16, torch.bfloat16} else otherwise
