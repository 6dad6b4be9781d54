"""What a prompt asks for in words: how long the video is to be, and in how many scenes.

A number is a wish where it says so of the video: beside a word for one (`a 30-second ad`), under a label
(`时长60秒`), after an order (`分5个镜头`) or in a clause of its own (`…，60秒`). All others are the story's
(`他等了30秒`). Knows no request.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from shared.board.quantities import Amount, lengths, number, plain, scenes
from shared.board.wish_words import (
    ABOUT,
    AT_LEAST,
    AT_MOST,
    BULLETS,
    CLAUSE_END,
    COUNT_LABEL,
    END,
    LENGTH_CONTEXTS,
    LENGTH_LABEL,
    NO_LENGTH_AFTER,
    NO_LENGTH_BEFORE,
    NO_SCENES_AFTER,
    NO_SCENES_BEFORE,
    ONLY_SCENES_AFTER,
    OR_LESS,
    OR_MORE,
    RETRO,
    SCENE_CONTEXTS,
    WAITS,
    Context,
)

MAX_NUMBERS = 20  # numbers of a kind that are looked at; where there are more, it is a script
NEAR = 80  # characters on either side of a number that say what it is of


@dataclass(frozen=True)
class Wish:
    """So many seconds or scenes, from 0 for at most, to infinity for at least. `words`: as the prompt has it."""

    least: float
    most: float
    words: str


@dataclass(frozen=True)
class Wishes:
    """More than one of a kind contradict each other."""

    length: tuple[Wish, ...]
    count: tuple[Wish, ...]


def wishes_of(prompt: str) -> Wishes:
    text = plain(prompt)
    return Wishes(
        _clear(text, lengths(text), _is_length_wish, _is_bare_length),
        _clear(text, scenes(text), _is_count_wish, _is_bare_count) or _labelled(text),
    )


Judge = Callable[["_Clause", Amount], bool]


@dataclass(frozen=True)
class _Clause:
    """The words around a number, up to the next stop; `earlier`: those before its clause."""

    before: str
    after: str
    earlier: str
    is_retro: bool  # the prompt speaks of a style of old


def _clear(text: str, amounts: Iterable[Amount], is_wish: Judge, is_bare: Judge) -> tuple[Wish, ...]:
    """Those that say what they are of; without any the one that stands alone."""
    few = list(islice(amounts, MAX_NUMBERS))
    is_retro = bool(few and RETRO.search(text))
    found = [(amount, _clause(text, amount, is_retro)) for amount in few]
    wished = [amount for amount, clause in found if is_wish(clause, amount)]
    if not wished:
        bare = {(amount.least, amount.most): amount for amount, clause in found if is_bare(clause, amount)}
        wished = [amount for amount in bare.values() if len(bare) == 1 and amount.least > 0]
    wishes = {(wish.least, wish.most): wish for wish in (_wish(text, amount) for amount in wished)}
    return tuple(wishes.values())


def _clause(text: str, amount: Amount, is_retro: bool) -> _Clause:
    start = max(
        (stop.end() for stop in CLAUSE_END.finditer(text, max(0, amount.start - NEAR), amount.start)), default=0
    )
    start = max(start, amount.start - NEAR)
    end = CLAUSE_END.search(text, amount.end, amount.end + NEAR)
    return _Clause(
        text[start : amount.start],
        text[amount.end : min(end.start() if end else len(text), amount.end + NEAR)],
        text[max(0, start - 24) : start],
        is_retro,
    )


def _wish(text: str, amount: Amount) -> Wish:
    before, after = text[max(0, amount.start - 16) : amount.start], text[amount.end : amount.end + 16]
    least, most = amount.least, amount.most
    if amount.unit not in {"", "s", ":"}:
        if AT_MOST.search(before) or OR_LESS.match(after):
            least = 0
        elif AT_LEAST.search(before) or OR_MORE.match(after):
            most = math.inf
    return Wish(least, most, amount.words)


def _is_length_wish(clause: _Clause, amount: Amount) -> bool:
    if (
        amount.least == 0
        or NO_LENGTH_BEFORE.search(clause.before)
        or NO_LENGTH_AFTER.match(clause.after)
        or _is_decade(clause, amount)
    ):
        return False
    return _fits(clause, LENGTH_CONTEXTS)


def _is_decade(clause: _Clause, amount: Amount) -> bool:
    """`90s` may be the nineties: before a noun, or where the prompt speaks of style."""
    if amount.unit != "s" or amount.most not in {20, 30, 40, 50, 60, 70, 80, 90}:
        return False
    if clause.is_retro:
        return True
    near = re.match(r"\s+(?:video|ad|spot|commercial|clip|reel|tiktok|promo)\b", clause.after, re.IGNORECASE)
    return bool(re.match(r"\s+[a-z]", clause.after, re.IGNORECASE)) and (amount.most >= 70 or not near)


def _is_bare_length(clause: _Clause, amount: Amount) -> bool:
    if (
        amount.unit == ":"
        or 0 < amount.least <= amount.most < 5
        or WAITS.search(clause.earlier + clause.before)
        or _is_decade(clause, amount)
    ):
        return False
    return _is_alone(clause, rf"(?:{LENGTH_LABEL}\s*)?", NO_LENGTH_BEFORE)


def _is_count_wish(clause: _Clause, amount: Amount) -> bool:
    if NO_SCENES_BEFORE.search(clause.before) or NO_SCENES_AFTER.match(clause.after):
        return False
    if _is_of_something_else(clause, amount):
        return False
    return "分镜" in amount.unit or "分鏡" in amount.unit or _fits(clause, SCENE_CONTEXTS)


def _is_bare_count(clause: _Clause, amount: Amount) -> bool:
    if _is_of_something_else(clause, amount) or (amount.unit == "shots" and not amount.words[0].isdigit()):
        return False
    return _is_alone(clause, "", NO_SCENES_BEFORE)


def _is_of_something_else(clause: _Clause, amount: Amount) -> bool:
    """Lenses of a phone, bullets, drinks; and `一个镜头` is any shot."""
    if amount.words.lower().startswith(("一个", "one ")):
        return True
    return amount.unit in {"shot", "shots", "镜头", "鏡頭"} and bool(BULLETS.search(clause.before + clause.after))


def _is_alone(clause: _Clause, label: str, never: re.Pattern[str]) -> bool:
    """Nothing else stands in its clause; in Chinese a blank ends one, where the number is the last word."""
    if not re.fullmatch(ONLY_SCENES_AFTER.removesuffix(END), clause.after, re.IGNORECASE):
        return False
    if re.fullmatch(rf"\s*{label}{ABOUT}", clause.before, re.IGNORECASE):
        return True
    return bool(re.search(r"[\u3040-\u9fff]\s+$", clause.before)) and not never.search(clause.before)


def _fits(clause: _Clause, contexts: Iterable[Context]) -> bool:
    return any(before.search(clause.before) and after.match(clause.after) for before, after in contexts)


def _labelled(text: str) -> tuple[Wish, ...]:
    def found() -> Iterator[Wish]:
        for label in COUNT_LABEL.finditer(text):
            if count := number(label[1]):
                yield Wish(count, count, label[0])

    return tuple({wish.least: wish for wish in found()}.values())
