"""From a name or a folder to a loaded native model. Knows no jobs. Runs no code from a checkpoint.

`device` auto is the first GPU if there is one; `dtype` auto is fp16 there, on a CPU bf16 or fp32 (models/cpu.py).
"""

from __future__ import annotations

import ctypes
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models import checkpoint, cpu, memory, obtain
from models.chat import Chat, ChatTokenizer
from models.folder import ModelFolder, open_folder, plan
from models.placement import (
    DTYPES,
    attention_of,
    device_map_of,
    dtype_of,
    free_bytes_of,
    make_current,
    quantization_of,
)
from models.rules import Piece
from models.tokenizers.folder import has_vocabulary, tokenizer_of
from models.unserved import refuse_unserved
from shared.errors import ModelUnavailable
from shared.settings import ModelSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """`model` is a native transformers causal LM in eval mode; `text` is None for a folder without a vocabulary."""

    name: str
    revision: str | None
    family: str
    model: Any
    text: ChatTokenizer | None
    context_tokens: int
    eos_token_ids: tuple[int, ...]
    device: str
    dtype: str
    weight_bits: int

    @property
    def tokenizer(self) -> Any:
        """A fast tokenizer; raises `ModelUnavailable` if the folder has no vocabulary."""
        return self._text().tokenizer

    @property
    def chat(self) -> Chat:
        """Messages to prompt ids; raises `ModelUnavailable` if the folder has no vocabulary."""
        return self._text().chat

    def _text(self) -> ChatTokenizer:
        if self.text is None:
            raise ModelUnavailable(f"{self.name} has no vocabulary file, so it can read no text")
        return self.text


def load(  # noqa: PLR0913 - the contract's signature, and where the cache is
    path_or_name: str | Path,
    *,
    dtype: str = "fp16",
    weight_bits: int = 16,
    device: str = "auto",
    attention: str = "auto",
    cache_dir: Path | None = None,
    endpoint: str | None = None,
) -> LoadedModel:
    """Load a model straight from its folder, legacy or native; raises `ModelUnavailable` in one line.

    A legacy folder is read through views of its mapped files: no second copy on disk or in memory. Weights are
    quantised while they load. Only embedded models are downloaded on the way.
    """
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    path = _find(path_or_name, cache_dir, endpoint)
    folder = open_folder(path)
    refuse_unserved(path.name, folder.config)
    rows = getattr(folder.config.get_text_config(), "vocab_size", None)
    text = ChatTokenizer(tokenizer_of(folder), folder.model_type, rows) if has_vocabulary(folder) else None
    tensors = checkpoint.tensors(path)
    parameters = memory.parameters_of(tensors)
    devices = device_map_of(device, memory.needed_bytes(parameters, weight_bits, dtype))
    make_current(devices)
    precision = dtype_of(dtype, devices, 2 * parameters.total, weight_bits)
    if (free_bytes := free_bytes_of(devices)) is not None:
        memory.require_room(parameters, weight_bits, precision, free_bytes, device)
    options = {
        "dtype": DTYPES[precision],
        "device_map": devices,
        "attn_implementation": attention_of(attention, precision, devices),
        "quantization_config": quantization_of(weight_bits, precision),
        "output_loading_info": True,
    }
    try:
        if folder.legacy:
            model, info = _legacy(folder, tensors, DTYPES[precision], options)
        else:
            del tensors
            model, info = _native(folder, options)
    except torch.OutOfMemoryError as error:
        raise ModelUnavailable(f"{path.name} does not fit the GPU's memory: use weight_bits=8 or 4") from error
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        raise ModelUnavailable(f"{path.name}: {str(error).strip().splitlines()[0]}") from error
    _refuse_gaps(path, info)
    cpu.quicken(model)
    if text and len(text.tokenizer) > model.config.vocab_size:
        log.warning("%s: %d tokens, %d rows", path.name, len(text.tokenizer), model.config.vocab_size)
    in_cache = path.parent.parent == _cache(cache_dir)
    return LoadedModel(
        name=path.parent.name if in_cache else path.name,
        revision=path.name if in_cache else None,
        family=folder.model_type,
        model=model.eval(),
        text=text,
        context_tokens=model.config.max_position_embeddings,
        eos_token_ids=_eos(model, text),
        device=str(model.device),
        dtype=precision,
        weight_bits=weight_bits,
    )


def load_tokenizer(folder_or_name: str | Path, *, cache_dir: Path | None = None) -> ChatTokenizer:
    """The tokenizer alone: config.json and the vocabulary file are enough. Raises `ModelUnavailable`."""
    folder = open_folder(_find(folder_or_name, cache_dir, None))
    return ChatTokenizer(tokenizer_of(folder), folder.model_type)


def _find(path_or_name: str | Path, cache_dir: Path | None, endpoint: str | None) -> Path:
    folder = Path(path_or_name)
    if folder.is_dir():
        return folder
    if isinstance(path_or_name, Path) or "/" in path_or_name:
        raise ModelUnavailable(f"{path_or_name} is no folder")
    return obtain.local(path_or_name, cache_dir or ModelSettings().cache_dir, endpoint)


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


def _legacy(
    folder: ModelFolder, tensors: dict[str, torch.Tensor], dtype: torch.dtype, options: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    pieces = plan(folder, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    wanted = dtype
    if quantization := options["quantization_config"]:
        _refuse_odd_sizes(pieces, quantization)
        # Quantised from what is on disk: a cast first would round twice, and hold each weight once more.
        dtype = _held(pieces, tensors, dtype)
    state = {piece.target: _Lazy(piece, tensors[piece.source], dtype) for piece in pieces}
    model, info = folder.native_class().from_pretrained(
        None, config=folder.config, state_dict=state, **(options | {"dtype": dtype})
    )
    if quantization:
        for piece in pieces:
            checkpoint.let_go(piece.view(tensors[piece.source]))
        _give_back()
    if dtype != wanted:
        for parameter in model.parameters():
            if parameter.is_floating_point():
                parameter.data = parameter.data.to(wanted)
        model.config.dtype = wanted
    return model, info


def _give_back() -> None:
    """Return what bitsandbytes freed to the system: glibc keeps hundreds of megabytes of it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _held(pieces: list[Piece], tensors: dict[str, torch.Tensor], otherwise: torch.dtype) -> torch.dtype:
    """The dtype of the checkpoint, if it has one of 16 bits."""
    held = {tensors[piece.source].dtype for piece in pieces}
    return held.pop() if len(held) == 1 and held <= {torch.float16, torch.bfloat16} else otherwise


def _native(folder: ModelFolder, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder.path, trust_remote_code=False, **options)  # type: ignore[no-any-return]


def _refuse_odd_sizes(pieces: list[Piece], quantization: Any) -> None:
    if not quantization.load_in_4bit:
        return
    for piece in pieces:
        if "_proj" in piece.target and piece.target.endswith("weight") and (piece.shape[0] % 32 or piece.shape[1] % 64):
            rows, columns = piece.shape
            raise ModelUnavailable(f"{piece.target} is {rows} x {columns}; 4 bits need multiples of 32 x 64")


def _refuse_gaps(path: Path, info: dict[str, Any]) -> None:
    """Whatever transformers would have left random or left out."""
    surplus = [name for name in info["unexpected_keys"] if not name.endswith("rotary_emb.inv_freq")]
    for what, names in (("missing", info["missing_keys"]), ("unexpected", surplus), ("wrong", info["mismatched_keys"])):
        if names:
            raise ModelUnavailable(f"{path}: {len(names)} tensors are {what}, one of them {sorted(names, key=str)[0]}")


def _eos(model: Any, text: ChatTokenizer | None) -> tuple[int, ...]:
    eos = model.generation_config.eos_token_id
    if eos is None and text is not None:
        eos = text.tokenizer.eos_token_id
    return tuple(eos) if isinstance(eos, list) else () if eos is None else (eos,)


def _cache(cache_dir: Path | None) -> Path:
    return (cache_dir or ModelSettings().cache_dir).expanduser()
