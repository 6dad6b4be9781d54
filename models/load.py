"""From a name or a folder to a loaded native model. Knows no jobs. Runs no code from a checkpoint.

`device` auto is the first GPU if there is one; `dtype` auto is fp16 there, on a CPU bf16 or fp32 (models/cpu.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from models import cpu, int8_model, memory, native, obtain
from models.chat import Chat, ChatTokenizer
from models.checkpoint import most_held
from models.files import read_json, refusals_in_one_line
from models.folder import ModelFolder, open_folder, weights
from models.int8 import Kernel8, kernel8_here
from models.legacy import give_back, load_legacy
from models.placement import (
    DTYPES,
    attention_of,
    bits_of,
    device_map_of,
    dtype_of,
    free_bytes_of,
    leave_odd_sizes_alone,
    make_current,
    quantization_of,
)
from models.tokenizers.folder import has_vocabulary, tokenizer_of
from models.tokenizers.rows import cut_to_rows, refuse_larger
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
    weight_bits: int | Literal["auto"] = 16,
    device: str = "auto",
    attention: str = "auto",
    cache_dir: Path | None = None,
    endpoint: str | None = None,
    kernel: Callable[[], Kernel8 | None] = kernel8_here,
) -> LoadedModel:
    """Load a model straight from its folder, legacy or native; raises `ModelUnavailable` in one line.

    A folder is read through views of its mapped files: no second copy on disk or in memory, and transformers itself
    opens none of them but the tokenizer's. Weights are quantised while they load; those that are quantised already
    stay so, and `weight_bits` may be left out; "auto" is 16 on a GPU, and 8 on a CPU with a quick `kernel` for them.
    Only embedded models are downloaded on the way.
    """
    path = _find(path_or_name, cache_dir, endpoint)
    with refusals_in_one_line(path):
        return _load(
            path,
            _cache(cache_dir),
            dtype=dtype,
            weight_bits=weight_bits,
            device=device,
            attention=attention,
            kernel=kernel,
        )


def _load(  # noqa: PLR0913 - as `load`
    path: Path,
    cache: Path,
    *,
    dtype: str,
    weight_bits: int | Literal["auto"],
    device: str,
    attention: str,
    kernel: Callable[[], Kernel8 | None],
) -> LoadedModel:
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    folder = open_folder(path)
    refuse_unserved(path.name, folder.config)
    text = _text_of(folder)
    eos, context_tokens = _eos(folder, text), _context(folder)
    wanted = folder.served_bits(weight_bits)
    tensors = weights(folder)
    parameters = memory.parameters_of(tensors)
    devices = device_map_of(device, memory.needed_bytes(parameters, 16 if wanted == "auto" else wanted, dtype))
    make_current(devices)
    bits, quick = bits_of(wanted, folder.held_bits, devices, kernel)
    precision = dtype_of(dtype, devices, 2 * parameters.total, bits, quick)
    if (free_bytes := free_bytes_of(devices)) is not None:
        memory.require_room(parameters, bits, precision, free_bytes, device, held_bits=folder.held_bits)
    quantization = quantization_of(bits, precision) if quick is None else None
    loading = DTYPES[precision] if quick is None else most_held(tensors)  # as it is: what is quantised is not cast
    options = {
        "dtype": loading,
        "device_map": devices,
        "attn_implementation": attention_of(attention, precision, devices),
        "quantization_config": quantization if folder.held_bits == 16 else None,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # they are refused below, by name
    }
    if folder.legacy:
        model, info = load_legacy(folder, tensors, loading, options)
    else:
        model, info = _native(folder, tensors, loading, options)
    del tensors
    _refuse_gaps(path, info)
    model.generation_config.eos_token_id = list(eos) or None
    if quick is not None and not int8_model.can_be_quantised(model):
        log.info("%s keeps its weights at 16 bits: most of them are in no plain layers", path.name)
        bits, quick, precision = 16, None, dtype_of(dtype, devices, 2 * parameters.total)
        model.to(DTYPES[precision])
    if quick is not None:
        int8_model.quantise(model, path, cache, quick, DTYPES[precision])
        give_back()
    cpu.quicken(model)
    leave_odd_sizes_alone(model)
    in_cache = path.parent.parent == cache
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
