"""A value from text that is nearly JSON, in one pass: time grows with the text whatever it holds, and nothing raises.

Read as meant: other quotation marks, full-width punctuation, keys and words without quotes, comments, commas too many
or too few, line breaks and quotation marks within a text, a wrong closing bracket, and an end that never comes.
"""

from __future__ import annotations

import re
from typing import Any

MAX_DEPTH = 48

_SKIPPED = re.compile(r"(?:[\s,，、;；]|//[^\n]*|/\*)")
_OBJECT, _LIST, _CLOSED = "{｛", "[［【", {"}": dict, "｝": dict, "]": list, "］": list, "】": list}
_COLONS = ":：="
_CLOSERS = {'"': '"＂', "＂": '"＂', "“": '”“"', "”": '”“"', "„": '“”"', "'": "'’", "‘": "’'", "’": "’'"}
_NEW_KEY = r"""["“'‘][^"“”'\n]{1,40}["“”'’][ \t]{0,40}[:：]"""
_ENDS_IN_LIST = re.compile(r"\s{0,200}(?:[,，;；\]］】}｝]|\Z|//|/\*|\n)")
_ENDS_IN_OBJECT = re.compile(
    rf"\s{{0,200}}(?:[}}｝\]］】]|\Z|//|/\*|{_NEW_KEY}|[,，;；]\s{{0,200}}(?:{_NEW_KEY}|[}}｝\]］】{{｛]|\w{{1,40}}\s?[:：]|//|/\*|\Z))"
)
_LINE_ENDS_TEXT = re.compile(rf"\n[ \t]{{0,40}}{_NEW_KEY}")
_TYPO = re.compile(rf"[\]］}}｝]\s{{0,200}}[,，]\s{{0,200}}{_NEW_KEY}")
_BARE_KEY = re.compile(r"[^:：=,，{}\[\]｛｝［］\n\"“”]+")
_BARE_VALUE = re.compile(r"[^,，{}\[\]｛｝［］\n]+?(?=\s*(?:[,，{}\[\]｛｝［］\n]|//|/\*|\Z))")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "", "f": "", "/": "/", "\\": "\\", '"': '"', "'": "'"}
_WORDS = {"true": True, "false": False, "null": None, "none": None}


def read_leniently(text: str, start: int) -> tuple[Any, int]:
    """The value that the bracket at `start` opens, and where it ends; what is too deep ends where it becomes so."""
    return _Reader(text, start).read()


class _Reader:
    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._at = start
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str | None] = []  # of each open object, the one that waits for its value
        self._outermost: Any = None

    def read(self) -> tuple[Any, int]:
        text, end = self._text, len(self._text)
        while self._skip() < end and len(self._open) <= MAX_DEPTH:
            character = text[self._at]
            if character in _OBJECT or character in _LIST:
                self._enter({} if character in _OBJECT else [])
            elif character in _CLOSED:
                self._leave(_CLOSED[character])
                if not self._open:
                    break
            elif character in _COLONS:
                self._at += 1
            elif character in _CLOSERS:
                self._place(self._string(_CLOSERS[character]))
            else:
                word = self._bare()
                if word != "" or not isinstance(self._open[-1], list):  # dots stand for what was left out
                    self._place(word)
        return self._outermost, self._at

    def _skip(self) -> int:
        """Where the next thing that counts begins."""
        while skipped := _SKIPPED.match(self._text, self._at):
            self._at = skipped.end()
            if skipped[0] == "/*":
                closed = self._text.find("*/", self._at)
                self._at = len(self._text) if closed < 0 else closed + 2
        return self._at

    def _enter(self, container: dict[str, Any] | list[Any]) -> None:
        if len(self._open) > 1 and self._is_key() and isinstance(self._open[-2], list):
            self._pop()  # one object of a list was not closed before the next
        if self._open:
            self._place(container, is_key=False)
        else:
            self._outermost = container
        self._open.append(container)
        self._keys.append(None)
        self._at += 1

    def _leave(self, kind: type) -> None:
        if any(isinstance(container, kind) for container in self._open):
            is_other = len(self._open) > 1 and not isinstance(self._open[-1], kind)
            closed = bool(is_other and _TYPO.match(self._text, self._at))  # the innermost is meant
            closed = closed and bool(self._pop())
            while not closed and self._open:
                closed = isinstance(self._pop(), kind)
        self._at += 1

    def _pop(self) -> Any:
        self._keys.pop()
        return self._open.pop()

    def _place(self, value: Any, is_key: bool = True) -> None:
        container = self._open[-1]
        if isinstance(container, list):
            container.append(value)
        elif self._keys[-1] is not None:
            container[free_key(container, self._keys[-1], value)] = value
            self._keys[-1] = None
        elif is_key:
            self._keys[-1] = str(value)
        else:  # a value without a key
            container[str(len(container) + 1)] = value

    def _is_key(self) -> bool:
        return isinstance(self._open[-1], dict) and self._keys[-1] is None

    def _string(self, closers: str) -> str:
        text, begins = self._text, self._at + 1
        stops = re.compile(rf"[\\\n{closers}]")
        ends = None if self._is_key() else _ENDS_IN_OBJECT if isinstance(self._open[-1], dict) else _ENDS_IN_LIST
        at = begins
        while stop := stops.search(text, at):
            at = stop.end()
            if stop[0] == "\\":
                at += 1
            elif stop[0] == "\n":
                if ends is _ENDS_IN_OBJECT and _LINE_ENDS_TEXT.match(text, stop.start()):
                    self._at = stop.end()
                    return _unescaped(text[begins : stop.start()].rstrip().rstrip(","))
            elif ends is None or ends.match(text, at):
                self._at = at
                return _unescaped(text[begins : stop.start()])
        self._at = len(text)
        return _unescaped(text[begins:])

    def _bare(self) -> Any:
        word = (_BARE_KEY if self._is_key() else _BARE_VALUE).match(self._text, self._at)
        if not word:
            self._at += 1
            return None
        self._at = word.end()
        bare = word[0].strip() if re.search(r"\w", word[0]) else ""
        if bare.lower() in _WORDS:
            return _WORDS[bare.lower()]
        try:
            return float(bare) if re.fullmatch(r"-?\d{1,9}\.\d{1,9}", bare) else int(bare) if len(bare) < 10 else bare
        except ValueError:
            return bare


def free_key(container: dict[str, Any], key: str, value: Any) -> str:
    """A key that comes again keeps both of its values where they may be scenes."""
    return f"{key}({len(container) + 1})" if key in container and isinstance(value, (dict, list)) else key


def _unescaped(text: str) -> str:
    def one(escape: re.Match[str]) -> str:
        return chr(int(escape[1], 16)) if escape[1] else _ESCAPED.get(escape[2], escape[0])

    if "\\" not in text:
        return text
    return _ESCAPE.sub(one, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
