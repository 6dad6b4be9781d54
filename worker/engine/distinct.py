"""Scenes that differ: one that repeats an earlier one, or goes round in itself, is noticed when it ends, and what may
lead to it is taken from the scores when it is written anew.

Of a text alone and of the scenes that were dropped from it, so that neither neighbours in the batch nor a resume change
anything. Knows the names of fields as data, and what is alike as a function; not when a text goes back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from worker.engine.layout import SeenLayout
from worker.engine.request import Draft, SamplingParams, Why
from worker.engine.scanner import SCENE_DEPTH, Scanner
from worker.engine.vocabulary import Vocabulary

MOST_DRAFTS = 3  # of a scene, before it is left as it is
WARMER = 0.2  # with each draft, the temperature of the next
IN_A_ROW = 2  # equal terms and lengths; the next is another
NEVER = 100.0  # taken from a score: what is left is chosen, and where nothing is left this is

_FIRST_WORD = re.compile(r"[\W_]*\w+")
_OPENS = b':"'


class Distinct:
    """Follows one text. `drafts_here` counts those of the scene that is being written."""

    def __init__(self, vocabulary: Vocabulary, scanner: Scanner, seen: SeenLayout, earlier: Sequence[str]) -> None:
        self._scenes = [*earlier]  # what is seen in each
        self.drafts_here = 0
        self.opening: tuple[int, int] | None = None  # of the scene: tokens before its first text, and sampled ones
        self._vocabulary, self._scanner, self._seen = vocabulary, scanner, seen
        self._text_opens = _openings(seen.keys[0])
        self._opens = {key: _openings(key) for key in seen.varied}
        self._firsts: list[str] = []  # the word that each scene's first text begins with, and each draft's of this one
        self._values: dict[str, list[str]] = {key: [] for key in seen.varied}  # of the scenes, as JSON

    @property
    def at_opening(self) -> bool:
        """Whether the scene's first text begins with the next token."""
        return self._begins_a_value() and self._scanner.text.endswith(self._text_opens)

    def begin(self, tokens: int, sampled_tokens: int) -> None:
        """The scene's first text begins with a token of the model's own choice, after so many; a quote may be one."""
        self.opening = self.opening or (tokens, sampled_tokens)

    def drop(self, draft: Draft) -> None:
        """It was written here, and is not to be written again."""
        self.drafts_here += 1
        self._firsts.append(draft.first)

    def draft(self, scene: bytes, tokens: int, sampled_tokens: int, went_round: bool = False) -> Draft | None:
        """The scene (JSON) that has just ended, after so many tokens, if it shows what an earlier one does, or a text
        of it went round in a loop; None too where no token of it was chosen."""
        values = json.loads(scene)
        text = self._text(values)
        repeats = any(self._seen.alike(text, earlier) for earlier in self._scenes)
        if self.opening is None or not (repeats or went_round):
            return None
        at, sampled_before = self.opening
        why: Why = "repeats" if repeats else "loops"
        return Draft(at, tokens - at, sampled_tokens - sampled_before, self._first(values), why)

    def keep(self, scene: bytes) -> None:
        """It stands; the next one begins."""
        values = json.loads(scene)
        self._scenes.append(self._text(values))
        self._firsts[len(self._firsts) - self.drafts_here :] = [self._first(values)]
        for key, known in self._values.items():
            known.extend([str(values[key])] if key in values else [])
        self.drafts_here, self.opening = 0, None

    def sampling(self, wished: SamplingParams) -> SamplingParams:
        """Of the next token; a greedy text stays greedy."""
        if not self.drafts_here or wished.temperature == 0:
            return wished
        return SamplingParams(wished.temperature + WARMER * self.drafts_here, wished.top_p, wished.seed)

    def penalties(self) -> dict[int, float]:
        """What to take from the scores of tokens that would begin what was there before."""
        if not self._begins_a_value():
            return {}
        text = self._scanner.text
        if self.drafts_here and text.endswith(self._text_opens):
            return {token: NEVER for word in self._firsts if word for token in self._vocabulary.openers(word)}
        for key, opens in self._opens.items():
            last = self._values[key][-IN_A_ROW:]
            if text.endswith(opens) and len(last) == IN_A_ROW and len({*last}) == 1:
                return dict.fromkeys(self._vocabulary.openers(last[0]), NEVER)
        return {}

    def _begins_a_value(self) -> bool:
        """Of a scene, perhaps: what most tokens need not be looked at for."""
        scanner = self._scanner
        return scanner.depth == SCENE_DEPTH and scanner.in_list and scanner.text[-1] in _OPENS

    def _first(self, values: dict[str, Any]) -> str:
        return first_word(str(values[self._seen.keys[0]]))

    def _text(self, values: dict[str, Any]) -> str:
        return "\n".join(str(values[key]) for key in self._seen.keys if key in values)


def first_word(text: str) -> str:
    """That a text begins with, and the marks before it; of a script without blanks all up to the next mark."""
    found = _FIRST_WORD.match(text)
    return found[0] if found else text


def _openings(key: str) -> tuple[bytes, bytes]:
    """How a scene's JSON ends where a value begins, its quote not yet or already written. A quote within a text is
    escaped: no text ends like this."""
    name = f"{json.dumps(key, ensure_ascii=False)}:".encode()
    return name, name + b'"'
