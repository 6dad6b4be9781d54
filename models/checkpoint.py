"""A folder's weights as named tensors over memory-mapped files. Knows files, not what the tensors mean.

`.bin` is read by torch's restricted unpickler, which runs no code; safetensors cannot hold any. Nothing is copied: a
tensor is a view of the file.
"""

from __future__ import annotations

import ctypes
import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from shared.errors import ModelUnavailable

_SINGLE = ("model.safetensors", "pytorch_model.bin")
_PAGE_OUT = 21  # MADV_PAGEOUT, which Python's mmap does not name
_INDEXES = tuple(f"{name}.index.json" for name in _SINGLE)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a folder, by its name in the checkpoint, as a view of the mapped file.

    Raises `ModelUnavailable`: no weights, a shard missing or cut short, a tensor that its index promises missing, a
    file outside the folder, a pickle that holds anything but tensors.
    """
    found: dict[str, torch.Tensor] = {}
    for path, promised in shards(folder).items():
        held = _read(path)
        if missing := sorted(promised - held.keys()):
            raise ModelUnavailable(f"{path} lacks {missing[0]}, which the index says it holds")
        if twice := sorted(found.keys() & held.keys()):
            raise ModelUnavailable(f"{twice[0]} is in two files, one of them {path}")
        found |= held
    return found


def shards(folder: Path) -> dict[Path, set[str]]:
    """The files that hold a folder's weights and the tensors that the index promises in each."""
    for single, index in zip(_SINGLE, _INDEXES, strict=True):
        if (folder / index).is_file():
            return _from_index(folder / index)
        if (folder / single).is_file():
            return {folder / single: set()}
    raise ModelUnavailable(f"{folder} holds no weights: one of {', '.join(_SINGLE + _INDEXES)} is needed")


def let_go(view: torch.Tensor) -> None:
    """Ask the kernel to take a view's pages out of this process's memory: it was read and will not be soon again.

    A hint: no value changes, and where it is not understood nothing happens.
    """
    start = view.data_ptr() // mmap.PAGESIZE * mmap.PAGESIZE
    size = view.data_ptr() + view.nbytes - start
    if madvise := getattr(ctypes.CDLL(None), "madvise", None):
        madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _PAGE_OUT)


def _from_index(index: Path) -> dict[Path, set[str]]:
    try:
        places = json.loads(index.read_text())["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"{index} cannot be read ({type(error).__name__})") from error
    if not isinstance(places, dict) or not places or not all(isinstance(file, str) for file in places.values()):
        raise ModelUnavailable(f"{index} does not say which file holds which tensor")
    files: dict[Path, set[str]] = {}
    for tensor, file in places.items():
        if file in ("", ".", "..") or "/" in file or "\\" in file or "\0" in file:
            raise ModelUnavailable(f"{index} names a file outside the folder: {file!r}")
        if Path(file).suffix not in (".bin", ".safetensors"):
            raise ModelUnavailable(f"{index} names a file that is no weights: {file!r}")
        files.setdefault(index.parent / file, set()).add(tensor)
    if missing := [path.name for path in files if not path.is_file()]:
        raise ModelUnavailable(f"{index.parent} lacks {missing[0]}, one of {len(files)} files of weights")
    return files


def _read(path: Path) -> dict[str, torch.Tensor]:
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelUnavailable(f"{path} is cut short or damaged ({_line(error)})") from error


def _read_pickle(path: Path) -> dict[str, torch.Tensor]:
    try:
        loaded: Any = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except Exception as error:  # a damaged or hostile file provokes all sorts in the restricted unpickler
        raise ModelUnavailable(f"{path} is refused: damaged, or more than tensors ({_reason(error)})") from error
    plain = isinstance(loaded, Mapping) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided
        for name, value in loaded.items()
    )
    if not plain:
        raise ModelUnavailable(f"{path} is refused: it holds more than named tensors")
    return {name: value.detach() for name, value in loaded.items()}


def _reason(error: Exception) -> str:
    """The line of torch's long message that names what was found."""
    lines = [line.strip() for line in str(error).splitlines() if "GLOBAL" in line or "Unsupported" in line]
    return (lines[0] if lines else _line(error))[:160]


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
