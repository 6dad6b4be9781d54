"""From a name or a folder to a loaded native model. Knows no jobs. Runs no code from a checkpoint.

`device` auto is the first GPU if there is one; `dtype` auto is fp16 there, on a CPU bf16 or fp32 (models/cpu.py).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models import checkpoint, cpu, memory, native, obtain
from models.chat import Chat, ChatTokenizer
from models.files import read_json, refusals_in_one_line
from models.folder import ModelFolder, open_folder, plan, weights
from models.placement import (
    DTYPES,
    attention_of,
    device_map_of,
    dtype_of,
    free_bytes_of,
    leave_odd_sizes_alone,
    make_current,
    quantization_of,
)
from models.rules import Piece
from models.tokenizers.folder import has_vocabulary, tokenizer_of
from models.tokenizers.rows import cut_to_rows, refuse_larger
from models.unserved import refuse_unserved
from shared.errors import ModelUnavailable
from shared.settings import ModelSettings


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

    A folder is read through views of its mapped files: no second copy on disk or in memory, and transformers itself
    opens none of them but the tokenizer's. Weights are quantised while they load; those that are quantised already
    stay so, and `weight_bits` may be left out. Only embedded models are downloaded on the way.
    """
    path = _find(path_or_name, cache_dir, endpoint)
    with refusals_in_one_line(path):
        in_cache = path.parent.parent == _cache(cache_dir)
        return _load(path, in_cache, dtype=dtype, weight_bits=weight_bits, device=device, attention=attention)


def _load(  # noqa: PLR0913 - as `load`
    path: Path, in_cache: bool, *, dtype: str, weight_bits: int, device: str, attention: str
) -> LoadedModel:
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    folder = open_folder(path)
    refuse_unserved(path.name, folder.config)
    text = _text_of(folder)
    eos, context_tokens = _eos(folder, text), _context(folder)
    bits = folder.served_bits(weight_bits)
    tensors = weights(folder)
    parameters = memory.parameters_of(tensors)
    devices = device_map_of(device, memory.needed_bytes(parameters, bits, dtype))
    make_current(devices)
    precision = dtype_of(dtype, devices, 2 * parameters.total, bits)
    if (free_bytes := free_bytes_of(devices)) is not None:
        memory.require_room(parameters, bits, precision, free_bytes, device, held_bits=folder.held_bits)
    quantization = quantization_of(bits, precision)
    options = {
        "dtype": DTYPES[precision],
        "device_map": devices,
        "attn_implementation": attention_of(attention, precision, devices),
        "quantization_config": quantization if folder.held_bits == 16 else None,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # they are refused below, by name
    }
    if folder.legacy:
        model, info = _legacy(folder, tensors, DTYPES[precision], options)
    else:
        model, info = _native(folder, tensors, DTYPES[precision], options)
    del tensors
    _refuse_gaps(path, info)
    model.generation_config.eos_token_id = list(eos) or None
    cpu.quicken(model)
    leave_odd_sizes_alone(model)
    return LoadedModel(
        name=path.parent.name if in_cache else path.name,
        revision=path.name if in_cache else None,
        family=folder.model_type,
        model=model.eval(),
        text=text,
        context_tokens=context_tokens,
        eos_token_ids=eos,
        device=str(model.device),
        dtype=precision,
        weight_bits=bits,
    )


def load_tokenizer(folder_or_name: str | Path, *, cache_dir: Path | None = None) -> ChatTokenizer:
    """The tokenizer alone: config.json and the vocabulary file are enough. Raises `ModelUnavailable`."""
    path = _find(folder_or_name, cache_dir, None)
    with refusals_in_one_line(path):
        folder = open_folder(path)
        return ChatTokenizer(tokenizer_of(folder), folder.model_type)


def _text_of(folder: ModelFolder) -> ChatTokenizer | None:
    if not has_vocabulary(folder):
        return None
    rows = getattr(folder.config, "vocab_size", None)
    tokenizer = tokenizer_of(folder)
    if rows is not None:
        refuse_larger(tokenizer, rows, folder.path)
    text = ChatTokenizer(tokenizer, folder.model_type, rows)
    if rows is not None:
        cut_to_rows(tokenizer, rows, folder.path)  # only now: a mark of the chat format must be seen to have no row
    return text


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
    if options["quantization_config"]:
        # Quantised from what is on disk: a cast first would round twice, and hold each weight once more.
        dtype = _held(pieces, tensors, dtype)
    state = {piece.target: _Lazy(piece, tensors[piece.source], dtype) for piece in pieces}
    model, info = folder.native_class().from_pretrained(
        None, config=folder.config, state_dict=state, **(options | {"dtype": dtype})
    )
    if options["quantization_config"]:
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


def _native(
    folder: ModelFolder, tensors: dict[str, torch.Tensor], dtype: torch.dtype, options: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    native.require_tensors_of(folder.native_class(), folder.config, tensors, folder.path)
    config = folder.config
    if folder.held_bits != 16:  # computed in the dtype that is told, whatever it was quantised from
        config.quantization_config = {**config.quantization_config, "bnb_4bit_compute_dtype": str(dtype)[6:]}
    return folder.native_class().from_pretrained(None, config=config, state_dict=tensors, **options)  # type: ignore[no-any-return]


def _refuse_gaps(path: Path, info: dict[str, Any]) -> None:
    """Whatever transformers would have left random or left out."""
    for name, held, wanted in sorted(info["mismatched_keys"]):
        raise ModelUnavailable(f"{path}: {name} is {tuple(held)}; the config asks for {tuple(wanted)}")
    surplus = [name for name in info["unexpected_keys"] if not name.endswith("rotary_emb.inv_freq")]
    for what, names in (("missing", info["missing_keys"]), ("unexpected", surplus)):
        if names:
            raise ModelUnavailable(f"{path}: {len(names)} tensors are {what}, one of them {min(names)}")


def _eos(folder: ModelFolder, text: ChatTokenizer | None) -> tuple[int, ...]:
    """Where a text ends, by the first that names a token which the model has: its generation_config.json, its config,
    its tokenizer. Raises `ModelUnavailable`."""
    file = folder.path / "generation_config.json"
    published = read_json(file).get("eos_token_id") if not folder.legacy and file.exists() else None
    sources = published, folder.config.eos_token_id, text.tokenizer.eos_token_id if text else None
    for source in sources:
        named = source if isinstance(source, list) else [source]
        if known := [token for token in named if type(token) is int and 0 <= token < folder.config.vocab_size]:
            return tuple(known)
    if text is None:
        return ()
    raise ModelUnavailable(
        f"{folder.path} names no token that ends a text: set eos_token_id in its generation_config.json"
    )


def _context(folder: ModelFolder) -> int:
    names = ("max_position_embeddings", "max_seq_len", "max_sequence_length", "seq_length")
    tokens = next((value for name in names if (value := getattr(folder.config, name, None))), None)
    if type(tokens) is not int or tokens < 1:
        raise ModelUnavailable(f"{folder.path}: config.json does not say how long a text may be ({names[0]})")
    return tokens


def _cache(cache_dir: Path | None) -> Path:
    return (cache_dir or ModelSettings().cache_dir).expanduser()
