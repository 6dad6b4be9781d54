"""A finished script by who says what, as its own marks tell it: labels (`NAME: words`), a screenplay's cues (the name
in a line of its own), quotes with who says them right beside. All else is the narrator's.

Marks are who speaks: the name before a colon or above a speech, and the quotation marks of a line. They are not said;
every other word is in one voice's text, in order. What stands in brackets behind a name (`小雨（低声）：走吧`) is no
mark and begins the line. Knows names; not how long anything takes to be said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from shared.board.script_pieces import CLAUSE, LINE, PARAGRAPH, ScriptPiece, ends_a_sentence, script_pieces, shown_line
from shared.board.script_quotes import QUOTE, Sayings, is_saying
from shared.board.text import folded

Speakers = tuple[tuple[str, str], ...]  # id and name of each who may speak

MOST_NAMES = 4  # that are read from a script: as many as a model writes of a cast
LEAST_LABELS = 2  # that a script has; one alone could be anything
_NARRATORS = frozenset(
    map(
        folded,
        (
            *("旁白", "画外音", "畫外音", "解说", "解說", "解说词", "narrator", "narration", "voiceover", "v.o.", "vo"),
            *("ナレーション", "ナレーター", "語り", "내레이션", "해설", "narrador", "narradora", "voz en off"),
            *("narrateur", "narratrice", "voix off", "erzähler", "erzählerin", "sprecher", "narratore", "narratrice"),
        ),
    )
)
_NO_NAMES = re.compile(  # labels and headings of documents
    r"(?:scene|shot|act|title|time|place|location|setting|notes?|music|sound|sfx|caption|duration|camera|characters?|cast"
    r"|int|ext|est|i/e|fade|cut|dissolve|smash|montage|the end|chapter|episode|part|step"
    r"|escena|acto|título|nota|scène|acte|titre|szene|akt|titel|cena|scena)\b"
    r"|第.{1,4}[幕场場集章节節回镜鏡]|场景|場景|镜头|鏡頭|分镜|分鏡|画面|畫面|标题|標題|片名|时间|時間|地点|地點|人物"
    r"|角色|备注|備註|注意|注[:：]?$|音乐|音樂|音效|字幕|时长|時長|景别|运镜|提示|シーン|カット|場所|タイトル|登場人物",
    re.IGNORECASE,
)
_BEFORE_NAME = r"[\s>*_•·@]*+(?:[-–]\s+)?[*_@]*+[【\[［]?"
_BRACKETS = r"(?:（[^（）]{1,60}）|\([^()]{1,60}\)|［[^［］]{1,60}］|\[[^\[\]]{1,60}\])"
_NAME = r"[^\W_][^:：()（）【】\[\]［］“”\"「」『』«»。！？!?…，,、；;*<>]{0,39}?"
_LABEL = re.compile(
    rf"{_BEFORE_NAME}(?P<name>{_NAME})[】\]］]?[*_]*+\s*(?P<how>(?:{_BRACKETS}\s*)*)[*_]*+[:：](?!//)[*_]*+\s*(?P<words>.*)"
)
_TAG = re.compile(rf"[【\[［](?P<name>{_NAME})(?P<how>)[】\]］]\s*(?P<words>.+)")
_CUE = re.compile(rf"{_BEFORE_NAME}(?P<name>{_NAME})[】\]］]?[*_]*+\s*(?P<how>(?:{_BRACKETS}\s*)*)[*_]*+")
_MARKS_OF_CUES = re.compile(r"[(（](?:v\.?\s*o\.?|o\.?\s*[sc]\.?|cont['’]?d\.?|continued|画外音?|续|續)[)）]\s*", re.I)
_MOST_WORDS = 4  # of a name that is read from a script
_STOPS = re.compile(r"^[,.;:!?，。；：！？、…]+")


@dataclass(frozen=True)
class Voice:
    """A stretch of the script in one voice; without a speaker it is the narrator's."""

    text: str
    speaker: str = ""  # an id
    ends_in_line: bool = False  # the next one goes on in the same line of the script


@dataclass
class _Stretch:
    speaker: str
    lines: list[str]
    written: list[str]  # with its marks
    ends_in_line: bool = False


@lru_cache(maxsize=64)
def voices(script: str, speakers: Speakers) -> tuple[Voice, ...]:
    """In the order of the script. None of them is without words but where the script is."""
    return _with_words(_Reading(script, speakers).stretches())


@lru_cache(maxsize=64)
def speaker_names(script: str) -> tuple[str, ...]:
    """Of those who speak by a label or a cue, in the order in which they come: of many those with the most lines. A
    screenplay's cues are in capitals; who only stands beside a quote is not looked for."""
    lines = [shown_line(line) for line in script.splitlines()]
    found = [name for number in range(len(lines)) if (name := _named(lines, number))]
    if len(found) < LEAST_LABELS:
        return ()
    first = {folded(name): name for name in reversed(found)}
    most = {key for key, _ in Counter(map(folded, found)).most_common(MOST_NAMES)}
    return tuple(first[key] for key in dict.fromkeys(map(folded, found)) if key in most)


def _named(lines: list[str], number: int) -> str:
    """Who speaks from a line on; empty: nobody begins to."""
    if (label := _LABEL.fullmatch(lines[number])) and _is_name(label["name"]):
        return label["name"]
    cue = _cue(lines, number)
    if cue is None or not _is_name(cue["name"]):
        return ""
    is_meant = lines[number].startswith("@") or cue["name"] == cue["name"].upper() != cue["name"].lower()
    return cue["name"] if is_meant else ""


@lru_cache(maxsize=64)
def voiced_pieces(script: str, speakers: Speakers) -> tuple[ScriptPiece, ...]:
    """As `script_pieces`, each in one voice alone."""
    pieces: list[ScriptPiece] = []
    every = voices(script, speakers)
    for voice, following in pairwise((*every, None)):
        assert voice is not None
        *first, last = script_pieces(voice.text) or (None,)
        if last is None:
            continue
        cost = CLAUSE if voice.ends_in_line else LINE if following and voice.speaker else PARAGRAPH
        own = [*first, replace(last, cost=cost)]
        pieces += [
            replace(piece, speaker=voice.speaker, begins=not number) for number, piece in enumerate(own) if piece
        ]
    return tuple(pieces)


def _is_name(text: str) -> bool:
    return (
        len(text.split()) <= _MOST_WORDS
        and len(text) <= (40 if " " in text or text.isascii() else 12)
        and not _NO_NAMES.match(text)
        and folded(text) not in _NARRATORS
        and not is_saying(text)
        and any(map(str.isalpha, text))
        and not text[0].isdigit()
    )


def _cue(lines: list[str], number: int) -> re.Match[str] | None:
    """A line that stands above a speech and below a blank one, or none."""
    is_above = number + 1 < len(lines) and bool(lines[number + 1])
    is_below = not number or not lines[number - 1]
    return _CUE.fullmatch(lines[number]) if is_above and is_below else None


class _Reading:
    def __init__(self, script: str, speakers: Speakers) -> None:
        self._lines = [shown_line(line) for line in script.splitlines()]
        self._known = (
            dict.fromkeys(_NARRATORS, "")
            | {folded(name): one for one, name in reversed(speakers)}
            | {folded(one): one for one, _ in speakers}
        )
        self._sayings = Sayings(self._known, tuple(name for _, name in speakers))
        self._stretches: list[_Stretch] = []
        self._goes_on = False  # a speech goes on until a blank line

    def stretches(self) -> list[_Stretch]:
        for number, line in enumerate(self._lines):
            if not line:
                self._goes_on = False
                if self._stretches and not self._stretches[-1].speaker:
                    self._stretches[-1].lines.append("")
            elif (label := self._known_by(_LABEL.fullmatch(line)) or self._known_by(_TAG.fullmatch(line))) is not None:
                self._speech(label, line, label["words"])
                self._goes_on = not label["words"]
            elif (cue := self._known_by(_cue(self._lines, number))) is not None:
                self._speech(cue, line, "")
                self._goes_on = True
            elif self._stretches and (self._goes_on or self._is_wrapped(number)):
                self._stretches[-1].lines.append(line)
                self._stretches[-1].written.append(line)
            else:
                self._plain(line)
        return self._stretches

    def _known_by(self, match: re.Match[str] | None) -> re.Match[str] | None:
        return match if match and folded(match["name"]) in self._known else None

    def _speech(self, match: re.Match[str], line: str, words: str) -> None:
        speaker = self._known[folded(match["name"])]
        if speaker and (quote := QUOTE.fullmatch(words)):
            words = quote[0][1:-1].strip()
        how = _MARKS_OF_CUES.sub("", match["how"]).strip()
        blank = " " if how.isascii() and how and words else ""
        self._stretches.append(_Stretch(speaker, [f"{how}{blank}{words}"], [line]))

    def _plain(self, line: str) -> None:
        pieces = [*self._sayings.quotes(line)]
        for number, (words, speaker, written) in enumerate(pieces):
            ends_in_line = number < len(pieces) - 1
            last = self._stretches[-1] if self._stretches else None
            if last and not speaker and not number and not last.speaker:
                last.lines.append(words)
                last.written.append(written)
                last.ends_in_line = ends_in_line
                continue
            stops = _STOPS.match(words) if last and last.speaker and number and not speaker else None
            if last and stops:  # a comma behind a quote
                last.lines[-1] += stops[0]
            if rest := words[stops.end() :].strip() if stops else words:
                self._stretches.append(_Stretch(speaker, [rest], [written], ends_in_line))

    def _is_wrapped(self, number: int) -> bool:
        """Whether a line goes on with the speech before it, which ends in the midst of a sentence."""
        before, line = self._lines[number - 1] if number else "", self._lines[number]
        return bool(self._stretches[-1].speaker and before and line[0].islower() and not ends_a_sentence(before))


def _with_words(stretches: list[_Stretch]) -> tuple[Voice, ...]:
    """Who says nothing is not heard: then the narrator says what is written. Marks alone go with what they follow."""
    found: list[Voice] = []
    before = ""
    for each in stretches:
        text = "\n".join(each.lines)
        voice = Voice(text, each.speaker, each.ends_in_line)
        if each.speaker and not _has_words(text):
            voice = Voice("\n".join(each.written), "", each.ends_in_line)
        voice = replace(voice, text=before + voice.text)
        before, last = "", found[-1] if found else None
        if last and ((not last.speaker and not voice.speaker) or not _has_words(voice.text)):
            between = "" if last.ends_in_line else "\n"
            found[-1] = replace(voice, text=f"{last.text}{between}{voice.text}", speaker=last.speaker)
        elif not _has_words(voice.text):
            before = f"{voice.text}{'' if voice.ends_in_line else chr(10)}"
        else:
            found.append(voice)
    return tuple(found)


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def lines_of(pieces: Sequence[ScriptPiece]) -> Iterator[tuple[str, str]]:
    """Speaker and words of each voice in them, in their order; of one that began before, what is left."""
    texts: list[tuple[str, str]] = []
    for piece in pieces:
        if piece.begins or not texts:
            texts.append((piece.speaker, piece.text))
        else:
            texts[-1] = (piece.speaker, texts[-1][1] + piece.text)
    yield from ((speaker, text.strip()) for speaker, text in texts)
