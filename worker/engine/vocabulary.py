"""The model's vocabulary as the grammar sees it: the bytes of every token, and classes of tokens as packed bit masks.

A mask is int32 words, one bit a token, as llguidance fills them.
"""

from __future__ import annotations

import copy
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from llguidance import LLExecutor, LLMatcher
from numpy.typing import NDArray

from worker.engine.layout import NO_CHARACTERS, NO_FIRST_CHARACTERS, CountSpeech, Outline, SpeechLayout
from worker.engine.outline import as_lark
from worker.engine.tables import TableSource, take_tables
from worker.engine.token_costs import OPENS_WITH_TEXT, TokenCosts
from worker.engine.words import is_dense

Mask = NDArray[np.int32]

FEWEST_LETTERS = 3  # of a token by which a longer word can be told

_ENDS = (b'"', b'",', b",", b',"')  # of a value, as it may stand in one token with it
_CLOSES = b'"'  # ends a string; inside one, brackets are only text
_NEXT_SCENE_IN_SCENE = re.compile(rb'"?(?:\}?\])?\},')  # ends a scene and starts another
_NEXT_IN_OBJECTS = re.compile(rb'"?\},')  # ends an object and starts another
_NEXT_IN_STRINGS = b'",'
_NEXT_SCENE_IN_LIST = b","
_LIST_END = b"]"
_LINE_END = b"\n"
_FILLS_LIST = re.compile(rb"\[[^\]]")  # opens one that is not empty; no string has a bracket
_SENTENCE_ENDS = tuple(mark.encode() for mark in "。！？.!?")
_ENDS_TEXT = re.compile(
    b"(?:" + "|".join(map(re.escape, "。！？…!?.")).encode() + b')(?:$|")'
)  # a mark, and nothing more
_JOINS_CLAUSES = re.compile(rb'[^"]*(?:,|;|' + "|".join("，、；").encode() + rb")")  # before any end of the string

# Where llguidance can prove that all tokens of such a class may come, it looks at none of them: most masks are inside a
# free string, and take a twentieth. A repeat without an end would never be proved of a string whose length has one; the
# short one is for a string that has nearly reached it. Each takes 12 MB with 150,000 tokens: 16, 4 and 2 as well saved
# 2 us of 32 for a mask.
_PLAIN = rf'[^{NO_CHARACTERS}"\\]'  # what JSON writes as it is
SLICES = (f"[^{NO_FIRST_CHARACTERS}]{_PLAIN}{{0,29}}", *(f"{_PLAIN}{{1,{most}}}" for most in (30, 8)))


class Vocabulary:
    """`size` is the model's (with padding rows), which may be more than the tokenizer's. `slices` change how long a
    mask takes, never what is in it."""

    def __init__(
        self, tokenizer: Any, size: int, eos_token_ids: tuple[int, ...], slices: Sequence[str] = SLICES
    ) -> None:
        self.size = size
        self.words = (size + 31) // 32
        self.eos_token_ids = frozenset(eos_token_ids)
        source = TableSource(_as_json(tokenizer), size, eos_token_ids[0], tuple(slices))
        self._lltokenizer = take_tables(source)
        self._bytes = [
            b"" if self._lltokenizer.is_special_token(token) else self._lltokenizer.decode_bytes([token])
            for token in range(size)
        ]
        self.quote = self._bytes.index(_CLOSES)  # alone
        self.closes = self._class(text.startswith(_CLOSES) for text in self._bytes)
        self.continues_in_scene = self._class(_NEXT_SCENE_IN_SCENE.match(text) is not None for text in self._bytes)
        self.continues_in_objects = self._class(_NEXT_IN_OBJECTS.match(text) is not None for text in self._bytes)
        self.continues_in_strings = self._class(text.startswith(_NEXT_IN_STRINGS) for text in self._bytes)
        self.ends_list = self._class(text.startswith(_LIST_END) for text in self._bytes)
        self.fills_list = self._class(_FILLS_LIST.search(text) is not None for text in self._bytes)
        self.continues_in_list = self._class(text.startswith(_NEXT_SCENE_IN_LIST) for text in self._bytes)
        self.ends_text = self._class(_ENDS_TEXT.match(text) is not None for text in self._bytes)
        self.ends_line = self._class(text.endswith(_LINE_END) for text in self._bytes)
        self.begins_line = self._class(text[:1].isdigit() for text in self._bytes)  # of an outline
        self.plain = self._class(map(_is_plain, self._bytes))
        self.joins_clauses = self._class(_JOINS_CLAUSES.match(text) is not None for text in self._bytes)
        self.opens_with_text = self._class(OPENS_WITH_TEXT.match(text) is not None for text in self._bytes)
        self.ends_sentence = frozenset(t for t, text in enumerate(self._bytes) if text.endswith(_SENTENCE_ENDS))
        self._by_bytes = np.array(sorted(range(size), key=self._bytes.__getitem__), dtype=np.int32)
        self.beginnings = lru_cache(maxsize=1 << 14)(self._beginnings)
        self._compiled = lru_cache(maxsize=256)(self._compile)
        self.costs = lru_cache(maxsize=2)(self._costs)
        self.openers = lru_cache(maxsize=1 << 10)(self._openers)
        self.going_on_with = lru_cache(maxsize=1 << 10)(self._going_on_with)
        self._executor = LLExecutor()

    def prepare(self, schema: str, speech: SpeechLayout | None, outline: Outline | None = None) -> None:
        """What the first text with this schema would wait for; raises ValueError as `compile` does."""
        self.compile(schema, outline)
        if speech:
            self.costs(speech.count)

    def bytes_of(self, token: int) -> bytes:
        return self._bytes[token]

    def _beginnings(self, word: str) -> tuple[int, ...]:
        """The tokens that a word of small letters can begin with, in any case, with a blank before it and without: no
        one or two letters, with which many others begin; a Chinese word's first character, or it would lose its end."""
        least = 1 if is_dense(word) else min(len(word), FEWEST_LETTERS)
        starts = [word[:size] for size in range(len(word), least - 1, -1)]
        texts = dict.fromkeys(text for start in starts for text in (start, start.capitalize(), start.upper()))
        found = (self._token_of(f"{blank}{text}".encode()) for text in texts for blank in (" ", ""))
        return tuple(token for token in found if token is not None)

    def _openers(self, text: str) -> tuple[int, ...]:
        """The tokens that a value like this text can begin with, in any case: each beginning of it, with a quote or a
        blank before it, and all of it with what may follow."""
        found: dict[int, None] = {}
        for spelling in dict.fromkeys((text, text.lower(), text.capitalize(), text.upper())):
            whole = spelling.encode()
            starts = [*(whole[:size] for size in range(1, len(whole) + 1)), *(whole + end for end in _ENDS)]
            tokens = (self._token_of(before + start) for start in starts for before in (b"", _CLOSES, b" "))
            found |= dict.fromkeys(token for token in tokens if token is not None)
        return tuple(found)

    def _going_on_with(self, text: bytes) -> tuple[int, ...]:
        """The tokens that begin with this text, as it is written here, with a capital or in capitals."""
        found: dict[int, None] = {}
        for spelling in dict.fromkeys((text, text.title(), text.upper())):
            first = bisect_left(self._by_bytes, spelling, key=self._bytes.__getitem__)
            behind = bisect_left(self._by_bytes, spelling + b"\xff", key=self._bytes.__getitem__)  # no UTF-8 has it
            found |= dict.fromkeys(self._by_bytes[first:behind].tolist())
        return tuple(found)

    def _token_of(self, text: bytes) -> int | None:
        """The last of those that are this text. Looked for by halves: a dictionary would take 10 MB."""
        at = bisect_right(self._by_bytes, text, key=self._bytes.__getitem__)
        token = int(self._by_bytes[at - 1])
        return token if at and self._bytes[token] == text else None

    def matcher(self, schema: str, outline: Outline | None = None) -> LLMatcher:
        """A fresh matcher at the start of the grammar; raises ValueError as `compile` does."""
        return self.compile(schema, outline).deep_copy()

    def fill(self, matchers: Iterable[tuple[LLMatcher, int]], masks: Mask) -> None:
        """Write which tokens may come next for each matcher into its row of `masks` [rows, words], contiguous memory.
        Python's lock is given away once for all of them, and several cores share the work."""
        assert masks.flags.c_contiguous
        self._executor.unsafe_compute_mask_ptr([*matchers], masks.ctypes.data, masks.nbytes // len(masks), len(masks))

    def compile(self, schema: str, outline: Outline | None = None) -> LLMatcher:
        """Kept for the next request with this schema; raises ValueError for one that no grammar can express."""
        return self._compiled(schema, outline)

    def _compile(self, schema: str, outline: Outline | None) -> LLMatcher:
        matcher = LLMatcher(self._lltokenizer, as_lark(outline, schema) if outline else as_grammar(schema))
        if matcher.is_error():
            raise ValueError(f"the schema cannot be a grammar: {matcher.get_error()}")
        return matcher

    def _costs(self, count: CountSpeech) -> TokenCosts:
        """Of speech; kept, for a vocabulary takes its time."""
        return TokenCosts(self._bytes, count, self._packed)

    def _class(self, belongs: Iterable[bool]) -> Mask:
        """Of a truth for each token."""
        return self._packed(np.fromiter(belongs, dtype=bool, count=self.size))

    def _packed(self, belongs: NDArray[np.bool_]) -> Mask:
        bits = np.zeros(self.words * 32, dtype=bool)
        bits[: self.size] = belongs
        return np.packbits(bits, bitorder="little").view(np.int32)


def keep(mask: Mask, allowed: Mask) -> bool:
    """Intersect in place unless nothing would be left; whether the mask changed."""
    kept = mask & allowed
    if not kept.any() or (kept == mask).all():
        return False
    mask[:] = kept
    return True


def as_grammar(schema: str) -> str:
    """llguidance's own form; raises ValueError for what is no JSON."""
    return str(LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False}))


def _as_json(tokenizer: Any) -> str:
    """As llguidance reads it: nothing padded or cut. (Its own `from_tokenizer` copies first, which takes a second.)"""
    backend = tokenizer.backend_tokenizer
    if backend.padding or backend.truncation:
        backend = copy.copy(backend)
        backend.no_padding()
        backend.no_truncation()
    return str(backend.to_str())


def _is_plain(text: bytes) -> bool:
    """Whole characters and no escape: after such a token a string can end at once."""
    if b"\\" in text:
        return False
    try:
        return bool(text.decode())
    except UnicodeDecodeError:
        return False
