"""A shot list for spreadsheets: a row a shot, the fields' names at the top.

It begins with a byte order mark, without which Excel takes UTF-8 for the system's old encoding. A text that a
spreadsheet would compute has an apostrophe before it, which is how people enter such a text themselves; one that
already had apostrophes there has one more, so that taking one away gives every text back.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import Any

from scriptqueue.scene_fields import cast_names, readers_language
from scriptqueue.schemas import Storyboard
from shared.board.exports.shots import fields_of
from shared.board.scenes import columns, rows

_COMPUTED = ("=", "+", "-", "@")
_APOSTROPHE = "'"


def csv_text(board: Storyboard) -> str:
    fields = fields_of(board)
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow(columns(fields))
    language, names = readers_language(board), cast_names(board)
    lists = {place: field for place, field in enumerate(fields) if field.is_list}
    for row in rows(board.scenes, fields):
        shown = (lists[at].shown(language, value, names) if at in lists else value for at, value in enumerate(row))
        table.writerow(map(_cell, shown))
    return "\ufeff" + file.getvalue()


def _cell(value: Any) -> Any:
    return _APOSTROPHE + value if isinstance(value, str) and is_computed(value) else value


def is_computed(text: str) -> bool:
    """Whether a spreadsheet may take it for a formula; full-width signs are signs to some, and blanks do not hide one
    from all."""
    return unicodedata.normalize("NFKC", text.lstrip(_APOSTROPHE).lstrip()[:1]).startswith(_COMPUTED)
