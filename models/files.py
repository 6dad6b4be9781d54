"""The one place where a file of a model's folder is opened: it must be plain, and no larger than it has reason to be.

A folder may be a stranger's: a pipe would wait for ever, a device never ends, and what reads it raises anything.
Knows files and JSON, not models.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch

from shared.errors import ModelUnavailable, ScriptqueueError

JSON_BYTES = 32 << 20  # the index of the largest published model has 14 MB
TOKENIZER_BYTES = 256 << 20  # a tokenizer.json of 262,144 tokens has 33 MB
_LINE = 200  # characters that an error message quotes of another's
_READ = (".json", ".jinja", ".txt", ".model", ".tiktoken", ".safetensors", ".bin", ".gguf")


def require_plain(folder: Path) -> None:
    """Raises `ModelUnavailable` if a file that anything here or in transformers may open is a pipe, a device or a link
    that leads nowhere."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_READ) and not entry.is_dir():
                    _require_regular(folder / entry.name, entry.stat().st_mode)
    except OSError as error:
        raise ModelUnavailable(f"{error.filename or folder} cannot be read ({error.strerror})") from error


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """The file's content; raises `ModelUnavailable`."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise ModelUnavailable(f"{path} has {size} bytes; at most {most_bytes} are read")
        return file.read(most_bytes)


def read_part(path: Path, start: int, size_bytes: int) -> bytes:
    """Some bytes of a large file; a negative `start` counts from its end. Raises `ModelUnavailable`."""
    with _opened(path) as file:
        if os.fstat(file.fileno()).st_size < max(size_bytes, abs(start)):
            raise ModelUnavailable(f"{path} is refused: cut short or damaged")
        file.seek(start, os.SEEK_END if start < 0 else os.SEEK_SET)
        return file.read(size_bytes)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # a pipe without a writer would wait
            _require_regular(path, os.fstat(file.fileno()).st_mode)
            yield file
    except OSError as error:
        raise ModelUnavailable(f"{path} cannot be read ({type(error).__name__})") from error


def read_json(path: Path, most_bytes: int = JSON_BYTES) -> dict[str, Any]:
    """A JSON object; raises `ModelUnavailable`."""
    try:
        values = json.loads(read_bytes(path, most_bytes), parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{path} cannot be read ({type(error).__name__}: {first_words(error)})") from error
    if not isinstance(values, dict):
        raise ModelUnavailable(f"{path} is no JSON object")
    return values


@contextmanager
def refusals_in_one_line(where: Path) -> Iterator[None]:
    """Whatever is raised over a folder becomes `ModelUnavailable`.

    The catch is broad because transformers' classes check few of their values: a bad one surfaces as any type, at any
    depth. A fault of the device is none of the folder's and goes through; want of memory is named as such.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelUnavailable(f"{where.name} does not fit the GPU's memory: use weight_bits=8 or 4") from error
    except (ScriptqueueError, torch.AcceleratorError):
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise ModelUnavailable(f"{where.name} does not fit this machine's memory ({first_words(error)})") from error
        raise ModelUnavailable(f"{where}: {first_words(error)}") from error


def first_words(error: BaseException) -> str:
    """The first two lines of an error as one, of bounded length."""
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    words = " ".join(lines[:2])[:_LINE]
    plain = isinstance(error, ValueError | OSError | ImportError | RuntimeError)
    return words if words and plain else f"{type(error).__name__}: {words}".removesuffix(": ")


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
        raise ModelUnavailable(f"{path} is {kind}, not a file")


def _finite(text: str) -> float:
    """JSON has no NaN and no infinity; Python's reader takes both."""
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:40]} is no number")
    return value
