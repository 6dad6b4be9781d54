"""How much a JSON text holds, counted while its bytes come and before anything is built of them.

A value in Python takes ten to fifty times the bytes that it has in the text, so that a limit of bytes bounds neither
memory nor time. Knows the grammar's marks and strings; whether the text is JSON at all, its reader finds out.
"""

from __future__ import annotations

from itertools import accumulate

from shared.errors import BodyTooLarge, MalformedJson

DEEPEST = 64  # pydantic's JSON reader, which the worker uses, ends at 200
_OTHER = bytes(set(range(256)) - set(b"[]{},:"))
_NO_BRACKET = b",:"


class Structure:
    """Give it the text piece by piece, cut anywhere; raises `BodyTooLarge` and `MalformedJson`."""

    def __init__(self, limit_marks: int) -> None:
        """`limit_marks`: commas, colons and brackets outside strings; each value and each key has about one."""
        self._limit_marks = limit_marks
        self._marks = 0
        self._depth = 0
        self._in_string = False
        self._half_escape = b""

    def add(self, piece: bytes) -> None:
        marks = self._outside_strings(self._half_escape + piece).translate(None, _OTHER)
        self._deepen(marks[: self._limit_marks])
        self._marks += len(marks)
        if self._marks > self._limit_marks:
            raise BodyTooLarge(f"more values and keys than {self._limit_marks // 2} are not taken")

    def _outside_strings(self, piece: bytes) -> bytes:
        """Splits and replaces, for a loop over 16 MB of bytes takes seconds."""
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        whole = len(piece) - backslashes % 2  # the last one escapes what comes with the next piece
        self._half_escape = piece[whole:]
        texts = piece[:whole].replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')
        outside = b"".join(texts[self._in_string :: 2])
        self._in_string ^= len(texts) % 2 == 0
        return outside

    def _deepen(self, marks: bytes) -> None:
        opened = marks.count(b"{") + marks.count(b"[")
        if self._depth + opened <= DEEPEST:  # however they are nested
            self._depth += opened - marks.count(b"}") - marks.count(b"]")
            return
        steps = [1 if mark in b"[{" else -1 for mark in marks.translate(None, _NO_BRACKET)]
        depths = list(accumulate(steps, initial=self._depth))
        self._depth = depths[-1]
        if max(depths) > DEEPEST:
            raise MalformedJson(f"nested deeper than {DEEPEST} levels")
