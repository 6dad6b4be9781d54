"""A sentencepiece file (`tokenizer.model`) as a fast tokenizer that gives the original library's ids.

Knows the file's wire format and how sentencepiece merges; not which model the vocabulary belongs to. transformers' own
converters order merges by id and mishandle leading spaces, which changes 5 to 80 of 100 texts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, normalizers
from tokenizers.models import BPE

from shared.errors import ModelUnavailable

SPACE = "▁"
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3  # fields of the model message
_BPE = 2


@dataclass(frozen=True)
class VocabularyPiece:
    text: str
    score: float
    kind: int


@dataclass(frozen=True)
class SentencePieceModel:
    pieces: tuple[VocabularyPiece, ...]
    add_dummy_prefix: bool


def read(path: Path) -> SentencePieceModel:
    """The pieces in order of their ids. Raises `ModelUnavailable` for a file that is not a plain BPE vocabulary."""
    try:
        message = list(_fields(path.read_bytes()))
        pieces = tuple(_piece(value) for field, value in message if field == _PIECES and isinstance(value, bytes))
        trainer = dict(_fields(_only(message, _TRAINER)))
        normalizer = dict(_fields(_only(message, _NORMALIZER)))
    except (OSError, ValueError, IndexError, KeyError, struct.error) as error:
        raise ModelUnavailable(f"{path} is no sentencepiece file ({type(error).__name__})") from error
    if not pieces or trainer.get(3, 1) != _BPE or not trainer.get(35, 0) or trainer.get(24, 0):
        raise ModelUnavailable(f"{path} is no BPE vocabulary with byte fallback, the only kind that is read here")
    if normalizer.get(2) or normalizer.get(4, 1) or not normalizer.get(5, 1):
        raise ModelUnavailable(f"{path} normalises text in a way that is not reproduced here")
    return SentencePieceModel(pieces, bool(normalizer.get(3, 1)))


def sentencepiece_tokenizer(vocabulary: SentencePieceModel) -> Tokenizer:
    """The tokenizer of a vocabulary: control and unknown pieces are special, user-defined ones match but are text."""
    pieces = vocabulary.pieces
    unknown = next(piece.text for piece in pieces if piece.kind == UNKNOWN)
    tokenizer = Tokenizer(
        BPE(
            vocab={piece.text: index for index, piece in enumerate(pieces)},
            merges=_merges(pieces),
            unk_token=unknown,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    prefix = [normalizers.Prepend(SPACE)] if vocabulary.add_dummy_prefix else []
    tokenizer.normalizer = normalizers.Sequence([*prefix, normalizers.Replace(" ", SPACE)])
    strip = [decoders.Strip(" ", 1, 0)] if vocabulary.add_dummy_prefix else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    special = [piece.text for piece in pieces if piece.kind in (UNKNOWN, CONTROL)]
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    literal = [piece.text for piece in pieces if piece.kind == USER_DEFINED]
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in literal])
    return tokenizer


def _merges(pieces: tuple[VocabularyPiece, ...]) -> list[tuple[str, str]]:
    """Every way to join two normal pieces to a third, in the order in which sentencepiece would prefer them."""
    normal = {piece.text for piece in pieces if piece.kind == NORMAL}
    ranked = [
        (-piece.score, index, split, piece.text)
        for index, piece in enumerate(pieces)
        if piece.kind == NORMAL
        for split in range(1, len(piece.text))
        if piece.text[:split] in normal and piece.text[split:] in normal
    ]
    return [(text[:split], text[split:]) for _, _, split, text in sorted(ranked)]


def _piece(message: bytes) -> VocabularyPiece:
    fields = dict(_fields(message))
    text, score, kind = fields[1], fields.get(2, b"\0\0\0\0"), fields.get(3, NORMAL)
    if not (isinstance(text, bytes) and isinstance(score, bytes) and isinstance(kind, int)):
        raise ValueError("a piece is text, score and kind")
    return VocabularyPiece(text.decode(), struct.unpack("<f", score)[0], kind)


def _only(message: list[tuple[int, int | bytes]], field: int) -> bytes:
    return b"".join(value for number, value in message if number == field and isinstance(value, bytes))


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field of a protobuf message: a varint is an int, everything else is bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            number, at = _varint(data, at)
            yield key >> 3, number
            continue
        if wire not in (1, 2, 5):
            raise ValueError(f"wire type {wire}")
        size, at = _varint(data, at) if wire == 2 else (8 if wire == 1 else 4, at)
        if at + size > len(data):
            raise ValueError("cut short")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
