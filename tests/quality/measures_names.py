"""Named things: whether a text has them, and whether it spells them as the prompt does. Pure; for any language.

A near miss is one or two characters off: two where the name is long enough that so like a word is hardly another one.
Names of Chinese characters must have four: of three, any two people of one family would be each other's near misses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from shared.board.likeness import DENSE_LETTER
from shared.board.prompt_words import INFLECTION, as_spelt, exactly
from shared.board.text import folded

LONG = 8  # characters: from here on two may differ
SHORTEST = 4

_WORD = re.compile(r"[^\W_]+(?:[-'’&][^\W_]+)*|&")
_GONE = "\ue000"  # where a name was that is right


def spelt(names: Iterable[str], text: str) -> tuple[int, list[str]]:
    """How often the names stand there as they are, and what stands there nearly like one of them."""
    rest, right = as_spelt(text), 0
    names = sorted(map(as_spelt, names), key=len, reverse=True)
    for name in names:
        rest, found = exactly(name).subn(_GONE, rest)
        right += found
    return right, [miss for name in names for miss in _misses(name, rest)]


def _misses(name: str, text: str) -> Iterator[str]:
    if len(name) < SHORTEST:
        return
    allowed = 2 if len(name) >= LONG else 1
    if DENSE_LETTER.search(name):
        yield from _dense_misses(name, text, allowed)
        return
    size = len(_WORD.findall(name))
    for piece in text.split(_GONE):
        words, first = list(_WORD.finditer(piece)), 0
        while first < len(words):
            ends = [word.end() for more in (0, -1, 1) for word in words[first + size + more - 1 :][:1] if size + more]
            found = [piece[words[first].start() : end] for end in ends]
            miss = next((window for window in found if _is_miss(name, window, allowed)), "")
            if miss:
                yield miss
            first += max(1, len(_WORD.findall(miss)))


def _is_miss(name: str, found: str, allowed: int) -> bool:
    """Other letters, or the same ones in another case or with other blanks."""
    if found.startswith(name) and len(found) <= len(name) + INFLECTION:
        return False
    begins = len(name) >= LONG or found[:1].casefold() == name[:1].casefold()  # cars are no misspelt Mars
    return folded(found) == folded(name) or (begins and distance(name, found) <= allowed)


def _dense_misses(name: str, text: str, allowed: int) -> Iterator[str]:
    """The nearest stretch of each place, and then on behind it."""
    for piece in text.split(_GONE):
        place = 0
        while place <= len(piece) - len(name) + 1:
            windows = [piece[place : place + len(name) + more] for more in (0, -1, 1)]
            best = min(windows, key=lambda window: distance(name, window))
            if best[:1] == name[:1] and distance(name, best) <= allowed:
                yield best
                place += len(best)
            else:
                place += 1


def distance(one: str, other: str) -> int:
    """Levenshtein's: insertions, deletions and substitutions of a character."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
