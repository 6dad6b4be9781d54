"""Who says a quote in the midst of a text, by the words right beside it: `小雨说：“走吧。”`, "Go," said Anna.

Exact rather than clever: the clause beside it must have a verb of speaking and one name only, and nothing else than an
adverb between them; "the mother of Anna said" tells nothing, nor does "she said". Knows names; no script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from shared.board.text import folded

QUOTE = re.compile(r"“[^“”]*”|„[^„“”]*[“”]|«[^«»]*»|「[^「」]*」|『[^『』]*』|(?<!\w)\"[^\"]*\"(?!\w)")
_SAYS = (  # of scripts with blanks: English, Spanish, French, German, Portuguese, Italian
    *("said", "says", "asked", "asks", "replied", "replies", "answered", "answers", "whispered", "whispers", "shouted"),
    *("shouts", "cried", "cries", "called", "calls", "yelled", "yells", "muttered", "murmured", "added", "adds"),
    *("dijo", "dice", "preguntó", "pregunta", "respondió", "responde", "contestó", "gritó", "grita", "susurró"),
    *("dit", "demanda", "demande", "répondit", "répond", "cria", "crie", "murmura", "murmure"),
    *("sagte", "sagt", "fragte", "fragt", "antwortete", "antwortet", "rief", "ruft", "flüsterte", "flüstert"),
    *("disse", "diz", "perguntou", "respondeu", "gritou", "chiede", "chiese", "rispose", "risponde", "gridò"),
)
_SAYS_HAN = "说|說|问|問|喊|叫|答|嚷|吼|骂|罵|叹|嘆|道|回应|回應|嘀咕|低语|低語|回答"
_SAYS_KANA = "言|いっ|いう|叫|答|尋|聞|話|つぶや|呟|ささや|囁"
_ADVERB = r"(?:[\w'’]+(?:ly|mente|ment)\s+)?"
_ADVERB_HAN = (
    r"(?:[^的和与與跟们們家\s]{0,2}[着著地了声聲])?(?:又|也|就|便|才|则|则是|忽然|突然|连忙|連忙|急忙|笑|哭|冷笑|苦笑)?"
)
# Not before a name: whoever it is said to, said with, or who belongs to them.
_ALONE = "".join(
    f"(?<!\\b{word} )" for word in ("of", "and", "de", "y", "et", "von", "und", "di", "e", "da", "du", "del")
)
_ALONE += "(?<![和与與跟的对對向给給同问問と])"
_SAYING = re.compile(rf"(?:\b(?:{'|'.join(_SAYS)})|{_SAYS_HAN})$", re.IGNORECASE)
_BESIDE = 80  # characters that are looked at
_NOBODY = "\x00"  # is in no text that can be shown
_CLAUSE_END = re.compile(r"[.。!！?？;；,，:：…“”„«»「」『』\"\n]")
_BEFORE_QUOTE = re.compile(r"[\s:：,，]*$")
_AFTER_QUOTE = re.compile(r"^[\s,，、.。!！?？—–-]*")


class Sayings:
    """What tells of those who are `known`: names, folded, with their ids."""

    def __init__(self, known: Mapping[str, str], names: tuple[str, ...]) -> None:
        self._known = known
        self._any, self._before, self._after = _patterns(names or (_NOBODY,))

    def quotes(self, line: str) -> Iterator[tuple[str, str, str]]:
        """The line in pieces: the words, who says them (empty: the narrator), and the piece as it is written."""
        start = 0
        for quote in QUOTE.finditer(line):
            before, after = line[max(0, quote.start() - _BESIDE) : quote.start()], line[quote.end() :][:_BESIDE]
            speaker = self._speaker(before, after)
            words = quote[0][1:-1].strip()
            if speaker and any(map(str.isalnum, words)):
                if plain := line[start : quote.start()].strip():
                    yield plain, "", plain
                yield words, speaker, quote[0]
                start = quote.end()
        if rest := line[start:].strip():
            yield rest, "", rest

    def _speaker(self, before: str, after: str) -> str:
        """Empty where nothing tells, or two things do not agree."""
        found = {self._known[folded(name)] for name in (self._by_before(before, after), self._by_after(after)) if name}
        return found.pop() if len(found) == 1 else ""

    def _by_before(self, before: str, after: str) -> str:
        text = _BEFORE_QUOTE.sub("", before)
        clause = text[max((end.end() for end in self._ends(text)), default=0) :]
        match = self._before.search(clause)
        if not match or len(self._any.findall(clause)) != 1:
            return ""
        if match["kana"] and not after.lstrip().startswith("と"):
            return ""
        return next(filter(None, match.groups()), "").removesuffix(match["kana"] or "")

    def _by_after(self, after: str) -> str:
        """A clause that leads to another quote tells of that."""
        text = _AFTER_QUOTE.sub("", after)
        end = next(self._ends(text), None)
        clause = text[: end.start()] if end else text
        if end and end[0] in ':：“„«「『"':
            return ""
        match = self._after.match(clause)
        return next(filter(None, match.groups()), "") if match and len(self._any.findall(clause)) == 1 else ""

    def _ends(self, text: str) -> Iterator[re.Match[str]]:
        """Of clauses; the point of a name is none."""
        names = [name.span() for name in self._any.finditer(text)]
        ends = _CLAUSE_END.finditer(text)
        return (end for end in ends if not any(first <= end.start() < last for first, last in names))


def is_saying(text: str) -> bool:
    """Whether it ends in a verb of speaking, as no name does."""
    return bool(_SAYING.search(text))


@lru_cache(maxsize=64)
def _patterns(names: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Of any name, of what stands before a quote and of what comes behind it."""
    either = "|".join(_name(name) for name in sorted(names, key=len, reverse=True))
    name, says = f"({either})", "|".join(_SAYS)
    spaced = rf"{name}\s+{_ADVERB}(?:{says})(?!\w)"
    turned = rf"(?:{says})\s+{_ADVERB}{name}(?!\s*['’])"  # before a quote it could be who is asked
    han = rf"{name}{_ADVERB_HAN}(?:{_SAYS_HAN})[道着著]?"
    before = rf"{_ALONE}(?:{spaced}\W*(?:\w+(?:ly|mente|ment))?$|{han}$|{name}(?P<kana>は|が|も)$)"
    after = rf"{spaced}|{turned}|{han}|と{name}[はがも]?[^\s]{{0,6}}?(?:{_SAYS_KANA})"
    return re.compile(either, re.I), re.compile(before, re.I), re.compile(after, re.I)


def _name(name: str) -> str:
    """Where it is a whole word, of a script that has blanks between words."""
    first, last = ("" if "\u2e80" <= end <= "\u9fff" or not end.isalnum() else r"\w" for end in (name[0], name[-1]))
    return (f"(?<!{first})" if first else "") + re.escape(name) + (f"(?!{last})" if last else "")
