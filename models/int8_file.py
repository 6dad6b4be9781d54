"""The 8-bit weights of a model in one file of the cache, made once and mapped at every start after that.

Named by what its source is: the files' names, sizes and times, and samples of what is in them. Knows no processor.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from models import cache, checkpoint, int8
from models.safetensors_file import TensorEntry, write_safetensors
from shared.errors import ModelUnavailable

log = logging.getLogger(__name__)

FILE_VERSION = 1  # of the way in which weights are quantised and laid out
HOME = ".int8"  # in the cache
_SAMPLES = 64
_SAMPLE_BYTES = 4096
_HEADER_BYTES = 16 << 20


class Weight8(NamedTuple):
    """`values` int8 [outputs, inputs], `scales` float32 [outputs]."""

    values: Tensor
    scales: Tensor


def weights8(weights: Mapping[str, Tensor], folder: Path, cache_dir: Path) -> dict[str, Weight8]:
    """The `weights` of a folder as 8 bits, by name; from its file in the cache, which is made if need be. Where none
    can be written they are made in memory, one after another. The weights are read only to make them."""
    file = _file(folder, cache_dir.expanduser() / HOME)
    with suppress(OSError, ValueError, KeyError, TypeError):  # cut short by a full disk or spoilt: it is made again
        return _mapped(file, weights)
    try:
        _make(file, weights)
        return _mapped(file, weights)
    except (OSError, ModelUnavailable) as error:
        log.warning("8-bit weights are made anew at each start, for they cannot be kept: %s", error)
        return {name: _in_memory(weight) for name, weight in weights.items()}


def _file(folder: Path, home: Path) -> Path:
    folder = folder.resolve()
    of_path = sha256(str(folder).encode()).hexdigest()[:12]
    digest = sha256()
    for path in sorted(checkpoint.shards(folder)):
        status = path.stat()
        digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns} ".encode())
        with path.open("rb") as file:
            for place in range(0, status.st_size, max(_SAMPLE_BYTES, status.st_size // _SAMPLES)):
                file.seek(place)
                digest.update(file.read(_SAMPLE_BYTES))
    return home / f"{of_path}-{digest.hexdigest()[:12]}.v{FILE_VERSION}.safetensors"


def _make(file: Path, weights: Mapping[str, Tensor]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with cache.alone(file):
        if file.is_file() and _is_whole(file, weights):  # by another process, meanwhile
            return
        for older in file.parent.glob(f"{file.name.split('-')[0]}-*"):
            older.unlink(missing_ok=True)  # of the same folder, with other weights in it; a process maps on what it has
        cache.need(sum(weight.numel() + 4 * len(weight) for weight in weights.values()), file.parent, "8-bit weights")
        log.info("quantising the weights to 8 bits, once")
        making = file.with_suffix(".making")
        making.unlink(missing_ok=True)
        try:
            write_safetensors(making, _entries(weights), torch.int8)
            making.rename(file)
        finally:
            making.unlink(missing_ok=True)


def _entries(weights: Mapping[str, Tensor]) -> Iterator[TensorEntry]:
    """First all values, so that those of layers that are joined follow one another; then the scales."""
    scales: dict[str, list[Tensor]] = {name: [] for name in weights}
    for name, weight in weights.items():
        yield TensorEntry(f"{name}.values", tuple(weight.shape), _blocks(weight, scales[name]))
    for name, weight in weights.items():
        yield TensorEntry(f"{name}.scales", (len(weight),), _later(scales[name]), torch.float32)


def _blocks(weight: Tensor, scales: list[Tensor]) -> Iterator[Tensor]:
    yield from int8.quantised8_blocks(weight, scales)
    checkpoint.let_go(weight)


def _later(scales: list[Tensor]) -> Iterator[Tensor]:
    yield from scales


def _in_memory(weight: Tensor) -> Weight8:
    scales: list[Tensor] = []
    values = torch.cat([*int8.quantised8_blocks(weight, scales)])
    checkpoint.let_go(weight)
    return Weight8(values, torch.cat(scales))


def _is_whole(file: Path, weights: Mapping[str, Tensor]) -> bool:
    try:
        _mapped(file, weights)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _mapped(file: Path, weights: Mapping[str, Tensor]) -> dict[str, Weight8]:
    """Over one mapping of the whole file: neighbours in it can be joined without a copy. Raises OSError, ValueError or
    KeyError where it is not whole."""
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        if size > _HEADER_BYTES:
            raise ValueError(f"{file} has no header")
        header = json.loads(opened.read(size))
    whole = torch.from_file(str(file), shared=False, size=file.stat().st_size, dtype=torch.uint8)

    def tensor(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
        begin, end = (8 + size + place for place in header[name]["data_offsets"])
        if not begin <= end <= len(whole) or end - begin != prod(shape) * dtype.itemsize:
            raise ValueError(f"{file} does not hold all of {name}")
        return whole[begin:end].view(dtype).view(shape)

    return {
        name: Weight8(
            tensor(f"{name}.values", torch.int8, tuple(weight.shape)),
            tensor(f"{name}.scales", torch.float32, (len(weight),)).clone(),
        )
        for name, weight in weights.items()
    }
