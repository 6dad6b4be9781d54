"""The board as JSON, as the service gives it, on lines for people."""

from __future__ import annotations

from scriptqueue.schemas import Storyboard


def json_text(board: Storyboard) -> str:
    return board.model_dump_json(indent=2) + "\n"
