"""What a text begins with where it outlines its objects first: numbered lines of free text, and then its JSON.

All of it is one grammar, so a text with an outline is masked, counted, resumed and batched as any other is. Knows
llguidance's grammars; not what the lines say.
"""

from __future__ import annotations

import json

from worker.engine.layout import NO_CHARACTERS, NO_FIRST_CHARACTERS, Outline


def as_lark(outline: Outline, schema: str) -> str:
    """A grammar in llguidance's form of Lark's; raises ValueError for a schema that is no JSON. A line holds what a
    string holds that JSON escapes nothing in, so that its masks are as cheap: no brace, with which the JSON begins."""
    line = rf"\x20?[^{NO_FIRST_CHARACTERS}][^{NO_CHARACTERS}\"\\]{{0,{outline.max_characters - 1}}}\n"
    board = json.dumps({**json.loads(schema), "x-guidance": {"whitespace_flexible": False}}, ensure_ascii=False)
    lines = [f'line{number}: "{number}." /{line}/ {_next(outline, number)}' for number in range(1, outline.most + 1)]
    end = "".join(f"<[{token}]> " for token in outline.end)
    return "\n".join([f"start: line1 {end}board", *lines, f"board: %json {board}", ""])


def _next(outline: Outline, number: int) -> str:
    return "" if number == outline.most else f"line{number + 1}{'?' if number >= outline.least else ''}"
