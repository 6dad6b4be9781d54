"""Writes a safetensors file a block at a time: the library's own writer needs all its tensors in memory twice.

The format is a length, a JSON header with each tensor's place, and the bytes. Knows nothing about models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch

_NAMES = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.int8: "I8"}


@dataclass(frozen=True)
class TensorEntry:
    name: str
    shape: tuple[int, ...]
    blocks: Iterator[torch.Tensor]  # its rows in order, in its dtype
    dtype: torch.dtype | None = None  # None: the file's


def write_safetensors(path: Path, entries: Iterable[TensorEntry], dtype: torch.dtype) -> str:
    """Write the file in order; return its sha256. Raises ValueError if a tensor's blocks are not of its size."""
    entries = list(entries)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for entry in entries:
        kind = entry.dtype or dtype
        start, end = end, end + prod(entry.shape) * kind.itemsize
        header[entry.name] = {"dtype": _NAMES[kind], "shape": list(entry.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for part in (len(text).to_bytes(8, "little"), text):
            file.write(part)
            digest.update(part)
        for entry in entries:
            written = 0
            for block in entry.blocks:
                data = block.contiguous().flatten().view(torch.uint8).numpy().data
                file.write(data)
                digest.update(data)
                written += block.numel()
            if written != prod(entry.shape):
                raise ValueError(f"{entry.name} has {written} values, not {prod(entry.shape)}")
    return digest.hexdigest()
