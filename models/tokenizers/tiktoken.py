"""A tiktoken file of ranks (`qwen.tiktoken`) as a fast tokenizer. Knows lines of base64 and rank, not the model."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE

from shared.errors import ModelUnavailable


def tiktoken_tokenizer(path: Path, pattern: str) -> Tokenizer:
    """The tokenizer of the ranks in `path`, cutting text by `pattern` first. Raises `ModelUnavailable`."""
    ranks = _ranks(path)
    letters = _letters()
    names = {token: "".join(letters[byte] for byte in token) for token in ranks}
    tokenizer = Tokenizer(
        BPE(
            vocab={names[token]: rank for token, rank in ranks.items()},
            merges=[
                (names[token[:split]], names[token[split:]])
                for token in sorted(ranks, key=ranks.__getitem__)
                for split in range(1, len(token))
                if token[:split] in ranks and token[split:] in ranks
            ],
            ignore_merges=True,
        )
    )
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _ranks(path: Path) -> dict[bytes, int]:
    try:
        lines = (line.split() for line in path.read_bytes().splitlines() if line)
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in lines}
    except (OSError, ValueError, binascii.Error) as error:
        raise ModelUnavailable(f"{path} is no tiktoken file ({type(error).__name__})") from error
    if sorted(ranks.values()) != list(range(len(ranks))) or any(bytes([byte]) not in ranks for byte in range(256)):
        raise ModelUnavailable(f"{path} is cut short: its ranks have gaps or a byte has none")
    return ranks


def _letters() -> list[str]:
    """The letter that byte-level BPE writes for each byte: itself where printable, else the next one above 255."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]
