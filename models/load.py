"""From a name or a folder to a loaded native model. Knows no jobs. Runs no code from a checkpoint.

`device` auto is the first GPU if there is one; `dtype` auto is fp16 there and bf16 on a CPU.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models import embedded
from models.chat import Chat, chat_of
from shared.errors import ModelUnavailable
from shared.settings import ModelSettings

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True)
class LoadedModel:
    """`model` is a native transformers causal LM in eval mode, `tokenizer` a fast one, `chat` makes prompt ids."""

    name: str
    revision: str | None
    family: str
    model: Any
    tokenizer: Any
    chat: Chat
    context_tokens: int
    eos_token_ids: tuple[int, ...]
    device: str
    dtype: str
    weight_bits: int


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
    """Load a model; raises `ModelUnavailable` in one line. Only embedded models are downloaded on the way."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    logging.disable_progress_bar()
    folder = Path(path_or_name)
    if not folder.is_dir():
        if isinstance(path_or_name, Path) or "/" in path_or_name:
            raise ModelUnavailable(f"{path_or_name} is no folder")
        folder = embedded.obtain(path_or_name, cache_dir or ModelSettings().cache_dir, endpoint)
    config = _config(folder)
    on = _device(device)
    precision = _dtype(dtype, on)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=DTYPES[precision],
            device_map={"": on},
            attn_implementation="sdpa" if attention == "auto" else attention,
            quantization_config=_quantization(weight_bits, precision),
            trust_remote_code=False,
        )
    except (OSError, ValueError, ImportError) as error:
        raise ModelUnavailable(f"{folder.name}: {str(error).strip().splitlines()[0]}") from error
    eos = model.generation_config.eos_token_id or tokenizer.eos_token_id
    return LoadedModel(
        name=folder.parent.name if folder.parent.parent == _cache(cache_dir) else folder.name,
        revision=folder.name if folder.parent.parent == _cache(cache_dir) else None,
        family=config["model_type"],
        model=model.eval(),
        tokenizer=tokenizer,
        chat=chat_of(tokenizer),
        context_tokens=model.config.max_position_embeddings,
        eos_token_ids=tuple(eos) if isinstance(eos, list) else (eos,),
        device=on,
        dtype=precision,
        weight_bits=weight_bits,
    )


def _cache(cache_dir: Path | None) -> Path:
    return (cache_dir or ModelSettings().cache_dir).expanduser()


def _config(folder: Path) -> dict[str, Any]:
    """config.json, read by ourselves: the Auto classes would ask on stdin whether to run a checkpoint's code."""
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{folder}: config.json cannot be read ({type(error).__name__})") from error
    if "auto_map" in config:
        raise ModelUnavailable(f"{folder.name}: this checkpoint wants to run its own code, which is never done")
    return config


def _device(device: str) -> str:
    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda"):
        index = int(device.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            raise ModelUnavailable(f"{device} is not there: {torch.cuda.device_count()} GPUs are visible")
        return f"cuda:{index}"
    return device


def _dtype(dtype: str, device: str) -> str:
    if dtype == "auto":
        return "bf16" if device == "cpu" else "fp16"
    if dtype not in DTYPES:
        raise ModelUnavailable(f"{dtype} is no dtype; known: auto, {', '.join(DTYPES)}")
    return dtype


def _quantization(weight_bits: int, dtype: str) -> Any:
    if weight_bits == 16:
        return None
    from transformers import BitsAndBytesConfig

    if weight_bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=DTYPES[dtype])
