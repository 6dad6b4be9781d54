"""Tiny native checkpoints with random weights, as transformers itself saves them, and a tokenizer of bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}<|assistant|>"
MARKS = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
END = 256  # the id of <|end|>


def write_llama(folder: Path, vocabulary: bool = False, **sizes: Any) -> Path:
    """A Llama of 260 rows (256 bytes and four marks)."""
    torch.manual_seed(0)
    config = LlamaConfig(**SIZES | {"vocab_size": 260, "eos_token_id": END, "bos_token_id": None} | sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    if vocabulary:
        write_tokenizer(folder)
    return folder


def write_tokenizer(folder: Path, *more: str, eos: str | None = "<|end|>") -> None:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in MARKS])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in more])
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=eos)
    wrapped.chat_template = TEMPLATE
    wrapped.save_pretrained(folder)


def change(file: Path, **values: Any) -> None:
    """Keys of a JSON file."""
    held = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(held | values))
