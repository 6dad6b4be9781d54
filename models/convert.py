"""A legacy folder as a native one: safetensors, config and tokenizer that the plain Auto classes load, with no code.

Everything is written to a hidden folder beside the target and renamed when it is whole. Memory holds one block of rows,
whatever the model's size. Knows no model in particular.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch

from models import checkpoint, safetensors_file
from models.files import read_json
from models.folder import ModelFolder, open_folder, plan
from models.placement import DTYPES
from models.rules import Piece
from models.tokenizers.folder import has_vocabulary, tokenizer_of
from shared.errors import ModelUnavailable

FILE_BYTES = 1_000_000_000
SUMS = "SHA256SUMS"  # of every file of the folder, as `sha256sum -c` reads it
_SPARE_BYTES = 64 << 20  # config, tokenizer, directories
# Generation defaults that keep their meaning. A repetition penalty does not: it would change greedy decoding.
_SAMPLING = ("do_sample", "temperature", "top_k", "top_p", "max_new_tokens")


@dataclass(frozen=True)
class Converted:
    """`notes` says what of the source is not in the new folder, and why."""

    folder: Path
    size_bytes: int
    files: tuple[str, ...]
    notes: tuple[str, ...]


def convert(src: str | Path, dst: str | Path, dtype: str | None = None) -> Converted:
    """Convert the folder `src` to the new folder `dst`, which must not exist or be empty; `dtype` None keeps it.

    Raises `ModelUnavailable` in one line; then `dst` is as it was.
    """
    source, target = Path(src).expanduser(), Path(dst).expanduser().absolute()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ModelUnavailable(f"{target} is not empty: name a new folder")
    folder = open_folder(source)
    if folder.family is None:
        raise ModelUnavailable(f"{source}: transformers loads {folder.model_type} as it is: nothing to convert")
    pieces, precision = _read_plan(folder, dtype)
    with _whole(target, sum(map(_values, pieces)) * precision.itemsize) as making:
        sums = _write_weights(folder, pieces, precision, making)
        notes = _write_rest(folder, precision, making)
        _write_sums(making, sums)
    files = tuple(sorted(path.name for path in target.iterdir()))
    return Converted(target, sum((target / name).stat().st_size for name in files), files, tuple(notes))


def _read_plan(folder: ModelFolder, dtype: str | None) -> tuple[list[Piece], torch.dtype]:
    if dtype is not None and dtype not in DTYPES:
        raise ModelUnavailable(f"{dtype} is no dtype; known: {', '.join(DTYPES)}")
    tensors = checkpoint.tensors(folder.path)
    pieces = plan(folder, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    held = {tensors[piece.source].dtype for piece in pieces}
    if odd := held - set(DTYPES.values()):
        raise ModelUnavailable(f"{folder.path} holds {odd.pop()}: only 16- and 32-bit weights are converted")
    if dtype is None and len(held) > 1:
        raise ModelUnavailable(f"{folder.path} mixes {', '.join(sorted(map(str, held)))}: say which dtype to write")
    return pieces, DTYPES[dtype] if dtype is not None else held.pop()


@contextmanager
def _whole(target: Path, size_bytes: int) -> Iterator[Path]:
    """A folder that becomes `target` if the block ends well, and vanishes if it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if free < size_bytes + _SPARE_BYTES:
        raise ModelUnavailable(f"{size_bytes / 1e9:.1f} GB are needed in {target.parent}; {free / 1e9:.1f} are free")
    making = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.converting-"))
    try:
        yield making
        making.chmod(0o755)
        making.rename(target)
    except OSError as error:
        raise ModelUnavailable(f"{target} cannot be written ({error.strerror or type(error).__name__})") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _write_weights(folder: ModelFolder, pieces: list[Piece], dtype: torch.dtype, making: Path) -> dict[str, str]:
    """The weights in files of at most 1 GB (a larger tensor has a file of its own); returns their sha256."""
    groups = _grouped(pieces, FILE_BYTES // dtype.itemsize)
    sums: dict[str, str] = {}
    places: dict[str, str] = {}
    for number, group in enumerate(groups, 1):
        name = f"model-{number:05}-of-{len(groups):05}.safetensors" if len(groups) > 1 else "model.safetensors"
        tensors = checkpoint.tensors(folder.path)  # mapped anew, so that the pages of the last file can go
        entries = (
            safetensors_file.TensorEntry(piece.target, piece.shape, _finite(piece, tensors[piece.source], dtype))
            for piece in group
        )
        sums[name] = safetensors_file.write_safetensors(making / name, entries, dtype)
        places |= {piece.target: name for piece in group}
    if len(groups) > 1:
        total = sum(map(_values, pieces)) * dtype.itemsize
        index = {"metadata": {"total_size": total}, "weight_map": places}
        (making / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    return sums


def _grouped(pieces: list[Piece], values: int) -> list[list[Piece]]:
    groups: list[list[Piece]] = [[]]
    room = values
    for piece in pieces:
        if groups[-1] and _values(piece) > room:
            groups.append([])
            room = values
        groups[-1].append(piece)
        room -= _values(piece)
    return groups


def _finite(piece: Piece, tensor: torch.Tensor, dtype: torch.dtype) -> Iterator[torch.Tensor]:
    for block in piece.blocks(tensor, dtype):
        if not torch.isfinite(block).all():
            raise ModelUnavailable(f"{piece.source} holds values that {str(dtype)[6:]} cannot: use bf16 or fp32")
        yield block
    checkpoint.let_go(piece.view(tensor))


def _write_rest(folder: ModelFolder, dtype: torch.dtype, making: Path) -> list[str]:
    from transformers import GenerationConfig

    notes: list[str] = []
    folder.config.dtype = dtype
    folder.config.save_pretrained(making)
    ids = {name: getattr(folder.config, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    GenerationConfig(**(ids | _defaults(folder, notes))).save_pretrained(making)
    if has_vocabulary(folder):
        tokenizer_of(folder).save_pretrained(making)
    else:
        notes.append(f"{folder.path} has no vocabulary file, so the new folder has no tokenizer")
    return notes


def _defaults(folder: ModelFolder, notes: list[str]) -> dict[str, Any]:
    """What the source's generation_config.json says and the new one may say too."""
    if not (folder.path / "generation_config.json").is_file():
        return {}
    values = read_json(folder.path / "generation_config.json")
    if (penalty := values.get("repetition_penalty", 1.0)) != 1.0:
        notes.append(f"repetition_penalty {penalty} is no default of the new folder: it would change greedy decoding")
    names = _SAMPLING if values.get("do_sample") else ()
    if not folder.legacy:  # a legacy one names only some of the tokens that end a text
        names = (*names, "eos_token_id")
    return {name: values[name] for name in names if name in values}


def _write_sums(making: Path, sums: dict[str, str]) -> None:
    for path in making.iterdir():
        if path.name not in sums:  # weights are summed while they are written
            sums[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (making / SUMS).write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def _values(piece: Piece) -> int:
    return prod(piece.shape)
