"""`python -m worker.doctor`: what only a worker's environment knows, as JSON: model files, device, quantisation.

Loads no model: it opens the folder as loading would and compares sizes, so that it is quick beside a running worker.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch

from models import memory, obtain
from models.catalogue import Parameters
from models.folder import open_folder, weights
from models.int8 import kernel8_here
from models.placement import bits_of
from models.tokenizers.folder import has_vocabulary
from shared.errors import ModelUnavailable, ScriptqueueError
from shared.findings import Finding
from shared.settings import ModelSettings, from_environment


def findings(settings: ModelSettings) -> Iterator[Finding]:
    if settings.name == "stub" and settings.path is None:
        yield Finding("model", "ok", "the stub, which loads none and writes no real storyboards")
        return
    try:
        folder = _folder(settings)
        if folder is None:
            problem = f"{settings.name} is not in the cache"
            yield Finding("model", "fault", problem, f"`python -m models pull {settings.name}`, or set MODEL__NAME")
            return
        opened = open_folder(folder)
        wanted, tensors = opened.served_bits(settings.weight_bits), weights(opened)
        if not has_vocabulary(opened):
            raise ModelUnavailable(f"{folder} has no vocabulary file")
    except (ScriptqueueError, OSError, ValueError) as error:
        yield Finding("model", "fault", str(error), "see `python -m models list`, and `python -m models verify FOLDER`")
        return
    on_cpu = settings.device == "cpu" or not torch.cuda.is_available()
    bits, quick = bits_of(wanted, opened.held_bits, {"": "cpu" if on_cpu else "cuda"}, kernel8_here)
    parameters = memory.parameters_of(tensors)
    yield Finding("model", "ok", f"{folder.name}: {len(tensors)} tensors, {parameters.total / 1e9:.2f} billion weights")
    yield _device(settings, parameters, bits, opened.held_bits)
    if bits != 16 and quick is None and find_spec("bitsandbytes") is None:
        yield Finding("quantisation", "fault", f"{bits} bits need bitsandbytes", "pip install bitsandbytes")


def _folder(settings: ModelSettings) -> Path | None:
    """Where the weights are; None: not downloaded."""
    if settings.path is not None:
        if not settings.path.is_dir():
            raise ModelUnavailable(f"{settings.path} is no folder")
        return settings.path
    return obtain.cached(settings.name, settings.cache_dir.expanduser())


def _device(settings: ModelSettings, parameters: Parameters, bits: int, held_bits: int) -> Finding:
    wants_gpu = settings.device.startswith("cuda")
    if not torch.cuda.is_available():
        if wants_gpu:
            return Finding("device", "fault", f"{settings.device}: torch sees no GPU", "see `nvidia-smi`, or set cpu")
        return Finding("device", "ok", "cpu; torch sees no GPU")
    if settings.device == "cpu":
        return Finding("device", "ok", "cpu, although there is a GPU")
    index = torch.device(settings.device).index or 0 if wants_gpu else 0
    if index >= torch.cuda.device_count():
        problem = f"{settings.device}: torch sees {torch.cuda.device_count()} GPUs"
        return Finding("device", "fault", problem, "set MODEL__DEVICE to one of them")
    free, name = torch.cuda.mem_get_info(index)[0], torch.cuda.get_device_name(index)
    try:
        memory.require_room(parameters, bits, settings.dtype, free, f"cuda:{index}", held_bits=held_bits)
    except ModelUnavailable as error:  # perhaps because a worker has it already
        return Finding("device", "warning", f"{name}: {error}")
    return Finding("device", "ok", f"cuda:{index}, {name}, {free / 1e9:.1f} GB free")


def main() -> int:
    try:
        checked = list(findings(from_environment().model))
    except ScriptqueueError as error:
        checked = [Finding("settings", "fault", str(error))]
    print(json.dumps([finding.json_fields() for finding in checked], ensure_ascii=False))
    return int(any(finding.level == "fault" for finding in checked))


if __name__ == "__main__":
    sys.exit(main())
