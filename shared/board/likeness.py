"""Whether two texts show the same: pure functions, for any language. Knows no board.

Likeness is counted in the short runs of characters ("grams") that two texts share, once blanks, case and punctuation
are gone: it needs no words (Chinese and Japanese have no blanks), it does not hang on one changed character, and
a sentence whose halves were swapped stays what it was. Four letters make a gram; of scripts whose characters are
syllables or words two do, which say as much. The share is of the shorter text's grams: a text that was said again with
some words at its end is said again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from scriptqueue.schemas import Scene
from shared.board.text import folded

ALIKE = 0.8  # of the grams: below it, texts of one subject in one style are found to be the same
SEEN = ("description", "action")  # the texts of a scene by which it is told from others
LETTERS, DENSE = 4, 2  # characters of a gram
FEWEST = 4  # grams of a text that can be like another one without being equal to it

DENSE_LETTER = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)


def seen_in(scene: Scene | Mapping[str, Any]) -> str:
    """What two scenes are compared by, of a scene or of the values of its fields."""
    values = scene if isinstance(scene, Mapping) else vars(scene)
    return "\n".join(values[name] for name in SEEN)


def gram_size(plain: str) -> int:
    """Of a folded text."""
    return DENSE if 2 * len(DENSE_LETTER.findall(plain)) >= len(plain) else LETTERS


@lru_cache(maxsize=256)  # the scenes of a board are compared with each later one
def grams(text: str) -> frozenset[str]:
    """Of a text without letters the text itself."""
    plain = folded(text)
    size = gram_size(plain)
    return frozenset(plain[i : i + size] for i in range(max(1, len(plain) - size + 1)))


def overlap(one: str, other: str) -> float:
    """The share of the shorter text's grams that the other has, from 0 to 1."""
    first, second = grams(one), grams(other)
    return len(first & second) / min(len(first), len(second))


def is_same(one: str, other: str) -> bool:
    """But for blanks, case and punctuation."""
    return folded(one) == folded(other)


def is_near(one: str, other: str) -> bool:
    """The same, or nearly: a viewer would be shown the same picture."""
    fewest = min(len(grams(one)), len(grams(other)))
    return is_same(one, other) or (fewest >= FEWEST and overlap(one, other) >= ALIKE)
