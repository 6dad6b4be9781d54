"""A finished script in pieces: every place where a shot may end, from a paragraph's end to the midst of a word.

Knows how texts are written; not how long a shot is. The pieces together are the script, its blanks made one each.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from shared.board.speaking import SPEECH_RATES, WORD_LETTERS, seconds_to_say
from shared.board.text import printable

# What it costs to end a shot there, beside the squared share by which a shot is longer or shorter than wanted.
PARAGRAPH, LINE, SENTENCE, CLAUSE, WORD, WITHIN = -0.3, 0.03, 0.08, 0.3, 1.0, 4.0
IN_QUOTES = 0.4  # besides, between quotation marks or brackets

_ENDS = ".!?…。！？．｡؟۔।"
_STOPS = ",;:，、；：､—–،؛·"
_CLOSERS = "\"'”’）】》〉」』〕］｝)]}»›"
_OPENERS = "“‘（【《〈「『〔［｛([{«‹¿¡"
_CLOSERS_ALONE = frozenset(_CLOSERS + _ENDS + _STOPS) - frozenset("\"'—–")
_SENTENCE_END = re.compile(rf"[{re.escape(_ENDS)}][{re.escape(_CLOSERS)}]*$")
_CLAUSE_END = re.compile(rf"[{re.escape(_STOPS)}][{re.escape(_CLOSERS)}]*$")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“])(?:[A-Za-zÀ-ÿА-я]|(?:[A-Za-z]\.)+[A-Za-z]|Mrs?|Ms|Dr|Prof|St|Jr|Sr|vs|etc|approx|No|Nr|Fig|Vol|Ch|pp?"
    r"|Inc|Ltd|Co|Corp|Gen|Col|Capt|Lt|Sgt|Rev|Hon|Sra?|Srta|Dra?|Mme|Mlle|Hr|Fr|bzw|usw|ca|ej|pág|núm|art)\.$"
)
_WHOLE = re.compile(
    r"(?:https?://|www\.)[^\s\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|[0-9０-９]+(?:[.,:/．：，][0-9０-９]+)*[%％‰°]?"
)
_QUOTED = re.compile(
    r"“[^“”]*”|„[^„“”]*[“”]|«[^«»]*»|「[^「」]*」|『[^『』]*』|（[^（）]*）|\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|《[^《》]*》"
    r'|(?<!\w)"[^"]*"(?!\w)'
)
_UNSPACED = re.compile(f"[{''.join(rate.pattern for rate in SPEECH_RATES)}]")
# Not at a shot's beginning: what belongs to the character before it. Small kana and marks of length and repetition.
_FOLLOWS = frozenset("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶーゝゞヽヾ々〻～〜％‰°℃…—·・ะาำๅๆฯ")
# Not at its end: vowels that are written before their consonant, signs that join the next letter, signs of money.
_LEADS = frozenset("เแโใไເແໂໃໄ\u17d2\u1039\u103a$¥￥€£#＃@＠\u200d")
_IN_WORDS = "'’-\u00ad\u200c\u200d"


@dataclass(frozen=True)
class ScriptPiece:
    """Some of the script, with the blank behind it; `cost`: of a shot that ends after it."""

    text: str
    seconds: float  # that it takes to be said
    cost: float
    speaker: str = ""  # an id; empty: the narrator
    begins: bool = False  # to speak, after another voice or the same one


@lru_cache(maxsize=64)
def script_pieces(script: str) -> tuple[ScriptPiece, ...]:
    """Pieces as small as can be in which a word is said each, but for a script that has no word: then none."""
    pieces: list[ScriptPiece] = []
    opening = ""
    for text, cost in _parts(script):
        has_words = any(map(str.isalnum, text))
        if has_words:
            pieces.append(_piece(opening + text, cost))
            opening = ""
        elif pieces and not _opens(text):
            pieces.append(_piece(pieces.pop().text + text, cost))
        else:
            opening += text
    if opening and pieces:
        pieces.append(_piece(pieces.pop().text + opening, PARAGRAPH))
    return tuple(pieces)


def _piece(text: str, cost: float) -> ScriptPiece:
    return ScriptPiece(text, seconds_to_say(text), cost)


def script_words(script: str) -> str:
    """The script on one line: without what cannot be shown, each run of blanks one blank."""
    return " ".join(line for line in map(shown_line, script.splitlines()) if line)


def _opens(text: str) -> bool:
    """Whether it belongs to what comes: an opening mark, a bullet, the sign of a heading."""
    return bool(re.fullmatch(rf"[{re.escape(_OPENERS)}\"'#*>•‣◦·—–-]+ ?", text))


def _parts(script: str) -> Iterator[tuple[str, float]]:
    lines = [shown_line(line) for line in script.splitlines()]
    last = max((number for number, line in enumerate(lines) if line), default=-1)
    for number, line in enumerate(lines):
        if not line:
            continue
        cost, blank = PARAGRAPH, ""
        if number < last:
            cost, blank = _at_line_end(line, lines[number + 1]), " "
        start = 0
        for end, within in _places(line):
            yield line[start:end], within
            start = end
        yield line[start:] + blank, cost


def shown_line(line: str) -> str:
    """Without what cannot be shown, each run of blanks one blank."""
    return " ".join(printable(line).split())


def ends_a_sentence(line: str) -> bool:
    return bool(_SENTENCE_END.search(line))


def _at_line_end(line: str, following: str) -> float:
    """A line that ends in the midst of a sentence was only wrapped."""
    if following[:1] in _CLOSERS_ALONE:
        return WITHIN
    if not following or following[:1] in "-*•#0123456789":
        return PARAGRAPH
    if ends_a_sentence(line):
        return LINE
    return CLAUSE if following[0].islower() and line[-1].isalpha() else SENTENCE


def _places(line: str) -> Iterator[tuple[int, float]]:
    """Where a line may be cut, and what that costs."""
    wholes, quotes = _spans(_WHOLE, line), _spans(_QUOTED, line)
    letters = 0  # of the word so far, as they are counted when it is said
    for at in range(1, len(line)):
        before, after = line[at - 1], line[at]
        letters = _letters(letters, before)
        if _is_bound(before, after):
            continue
        if _is_inside(wholes, at):
            if not letters or letters % WORD_LETTERS == 0:
                yield at, 2 * WITHIN if before.isalnum() else WITHIN
        elif before == " " or _is_unspaced(before) or _is_unspaced(after):
            if (cost := _cost(line, at)) is not None:
                yield at, cost + (IN_QUOTES if _is_inside(quotes, at) else 0)
        elif letters and letters % WORD_LETTERS == 0 and after.isalnum():
            yield at, 2 * WITHIN


def _cost(line: str, at: int) -> float | None:
    """None: no shot ends there."""
    if line[at] in _CLOSERS + _ENDS + _STOPS or line[at] in _FOLLOWS or line[at - 1] in _LEADS:
        return None
    is_spaced = line[at - 1] == " "
    if line[at - 1 - is_spaced].isalnum():
        counted = line[at - 1 - is_spaced].isdigit() or (line[at].isdigit() and not is_spaced)  # `3个`, `第3`, `3 km`
        return WITHIN / 2 if counted else WORD
    near = line[max(0, at - 24) : at].rstrip()
    if near[-1] in _OPENERS:
        return None
    if _SENTENCE_END.search(near):
        goes_on = is_spaced and line[at].islower()
        is_point = is_spaced and near[-1] == "."
        return WITHIN / 2 if is_point and (goes_on or _ABBREVIATION.search(near)) else CLAUSE if goes_on else SENTENCE
    return CLAUSE if _CLAUSE_END.search(near) else WORD


def _is_bound(before: str, after: str) -> bool:
    """Two characters that are one to see, and a blank, which stays with what it follows."""
    return after in {" ", "\u200d"} or before == "\u200d" or _category(after)[0] == "M"


def _letters(letters: int, character: str) -> int:
    """As shared/board/speaking.py counts them: a text that is cut there takes no longer."""
    if _is_unspaced(character):
        return 0
    kind = _category(character)[0]
    if kind in "LN":
        return letters + 1
    return letters if kind == "M" or character in _IN_WORDS else 0


def _spans(pattern: re.Pattern[str], line: str) -> tuple[list[int], list[int]]:
    found = [match.span() for match in pattern.finditer(line)]
    return [start for start, _ in found], [end for _, end in found]


def _is_inside(spans: tuple[list[int], list[int]], at: int) -> bool:
    starts, ends = spans
    index = bisect_right(starts, at - 1) - 1
    return index >= 0 and at < ends[index]


@lru_cache(maxsize=8192)
def _category(character: str) -> str:
    return unicodedata.category(character)


@lru_cache(maxsize=8192)
def _is_unspaced(character: str) -> bool:
    return bool(_UNSPACED.match(character)) and _category(character) not in {"Mn", "Mc", "Me", "Zs"}
