"""A folder's weights as named tensors over memory-mapped files. Knows files, not what the tensors mean.

`.bin` is read by torch's restricted unpickler, which runs no code; safetensors cannot hold any. Nothing is copied: a
tensor is a view of the file.
"""

from __future__ import annotations

import ctypes
import mmap
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from models import formats
from models.files import first_words, read_json, read_part
from shared.errors import ModelUnavailable

_MOST_TENSORS = 150_000  # DeepSeek-V3 has 92,000
_MOST_FILES = 4096
_HEADER_BYTES = 16 << 20  # of one file: 120,000 tensors with names of a usual length
_MOST_STORAGES = 20_000  # of one pickle
_PICKLE_BYTES = 8 << 20  # a pickle of 300 tensors has 40 kB
_END_BYTES = 22  # of a zip archive's end record, which torch writes last
_ORDER = (
    *("model.safetensors", "model.safetensors.index.json"),
    *("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
_PAGE_OUT = 21  # MADV_PAGEOUT, which Python's mmap does not name


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a folder, by its name in the checkpoint, as a view of the mapped file.

    Raises `ModelUnavailable`: no weights, a shard missing or cut short, a tensor that its index promises missing, a
    file outside the folder, a pickle that holds anything but tensors, more tensors than any model has.
    """
    found: dict[str, torch.Tensor] = {}
    for path, promised in shards(folder).items():
        held = _read(path)
        if missing := sorted(promised - held.keys()):
            raise ModelUnavailable(f"{path} lacks {missing[0]}, which the index says it holds")
        if twice := sorted(found.keys() & held.keys()):
            raise ModelUnavailable(f"{twice[0]} is in two files, one of them {path}")
        found |= held
        _require_possible(len(found), folder)
    return found


def shards(folder: Path) -> dict[Path, set[str]]:
    """The files that hold a folder's weights and the tensors that the index promises in each.

    The one place that decides which files count where there are several: the first of `_ORDER`, as in transformers,
    so that the folder is to us what it was to whoever finetuned it. Files beside them (consolidated.safetensors, the
    other format, shards that no index names) are never read.
    """
    for name in _ORDER:
        if (folder / name).exists():
            return _from_index(folder / name) if name.endswith(".json") else {folder / name: set()}
    raise formats.without_weights(folder, ", ".join(_ORDER))


def most_held(tensors: Mapping[str, torch.Tensor]) -> torch.dtype:
    """The type of most of a checkpoint's values."""
    values: Counter[torch.dtype] = Counter()
    for tensor in tensors.values():
        if tensor.is_floating_point():
            values[tensor.dtype] += tensor.numel()
    return values.most_common(1)[0][0] if values else torch.float32


def let_go(view: torch.Tensor) -> None:
    """Ask the kernel to take a view's pages out of this process's memory: it was read and will not be soon again.

    A hint: no value changes, and where it is not understood nothing happens.
    """
    start = view.data_ptr() // mmap.PAGESIZE * mmap.PAGESIZE
    size = view.data_ptr() + view.nbytes - start
    if madvise := getattr(ctypes.CDLL(None), "madvise", None):
        madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _PAGE_OUT)


def _from_index(index: Path) -> dict[Path, set[str]]:
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(file, str) for file in places.values()):
        raise ModelUnavailable(f"{index} does not say which file holds which tensor")
    if (count := len(set(places.values()))) > _MOST_FILES:
        raise ModelUnavailable(f"{index} names {count} files; at most {_MOST_FILES} are read")
    files: dict[Path, set[str]] = {}
    for tensor, file in places.items():
        if file in ("", ".", "..") or "/" in file or "\\" in file or "\0" in file:
            raise ModelUnavailable(f"{index} names a file outside the folder: {file!r:.100}")
        if Path(file).suffix not in (".bin", ".safetensors"):
            raise ModelUnavailable(f"{index} names a file that is no weights: {file!r:.100}")
        files.setdefault(index.parent / file, set()).add(tensor)
    if missing := [path.name for path in files if not path.is_file()]:
        raise ModelUnavailable(f"{index.parent} lacks {missing[0]}, one of {len(files)} files of weights")
    return files


def _read(path: Path) -> dict[str, torch.Tensor]:
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    size = int.from_bytes(read_part(path, 0, 8), "little")
    if size > _HEADER_BYTES:
        raise ModelUnavailable(f"{path} is damaged, or no model: its header claims {size} bytes")
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            _require_possible(len(names), path)
            return {name: file.get_tensor(name) for name in names}
    except ModelUnavailable:
        raise
    except Exception as error:  # a header that lies about sizes or dtypes provokes all sorts
        raise ModelUnavailable(f"{path} is cut short or damaged ({first_words(error)})") from error


def _require_possible(tensors: int, where: Path) -> None:
    if tensors > _MOST_TENSORS:
        raise ModelUnavailable(f"{where} holds {tensors} tensors; no model has more than {_MOST_TENSORS}")


def _read_pickle(path: Path) -> dict[str, torch.Tensor]:
    try:
        _require_small_directory(path)
        loaded: Any = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except ModelUnavailable:
        raise
    except Exception as error:  # a damaged or hostile file provokes all sorts in the restricted unpickler
        raise ModelUnavailable(f"{path} is refused: damaged, or more than tensors ({_reason(error)})") from error
    plain = isinstance(loaded, Mapping) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided
        for name, value in loaded.items()
    )
    if not plain:
        raise ModelUnavailable(f"{path} is refused: it holds more than named tensors")
    return {name: value.detach() for name, value in loaded.items()}


def _require_small_directory(path: Path) -> None:
    """Torch unpickles tensor by tensor in Python, so a file of a million would take minutes."""
    end = read_part(path, -_END_BYTES, _END_BYTES)
    if not end.startswith(b"PK\5\6"):
        raise ModelUnavailable(f"{path} is refused: damaged, or not saved by torch since 1.6")
    if int.from_bytes(end[10:12], "little") > _MOST_STORAGES:  # also what a larger archive's field is filled with
        raise ModelUnavailable(f"{path} is refused: it holds more than {_MOST_STORAGES} tensors")
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist() if entry.filename.endswith(".pkl")) > _PICKLE_BYTES:
            raise ModelUnavailable(f"{path} is refused: more than {_PICKLE_BYTES} bytes only name its tensors")


def _reason(error: Exception) -> str:
    """The line of torch's long message that names what was found."""
    lines = [line.strip() for line in str(error).splitlines() if "GLOBAL" in line or "Unsupported" in line]
    return (lines[0] if lines else first_words(error))[:160]
