"""A shot list to read: a table in Markdown, with labels and terms in the reader's language."""

from __future__ import annotations

import re
from typing import Any

from scriptqueue.scene_fields import Fields, SceneField, cast_names, portraits, readers_language
from scriptqueue.schemas import Storyboard
from shared.board.exports.shots import fields_of, on_one_line

_MARKS = re.compile(r"([\\`*_\[\]<>|&~#$])")


def md_text(board: Storyboard) -> str:
    fields = fields_of(board)
    rows = [tuple(field.wording(readers_language(board)).label for field in fields), ("---",) * len(fields)]
    rows += [_row(scene.model_dump(), fields, board) for scene in board.scenes]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    facts = [fact for fact in (board.style, board.aspect_ratio, f"{board.total_duration:g} s") if fact]
    facts += portraits(board)
    return f"# {_plain(board.title)}\n\n{' · '.join(map(_plain, facts))}\n\n{table}"


def _row(values: dict[str, Any], fields: Fields, board: Storyboard) -> tuple[str, ...]:
    return tuple(_cell(values[field.name], field, board) if field.name in values else "" for field in fields)


def _cell(value: Any, field: SceneField, board: Storyboard) -> str:
    return _plain(field.shown(readers_language(board), value, cast_names(board))) if field.is_words else f"{value:g}"


def _plain(text: str) -> str:
    """Nothing in it is a mark of Markdown."""
    return _MARKS.sub(r"\\\1", on_one_line(text))
