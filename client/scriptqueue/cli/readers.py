"""How a word of the command line is read: ranges, lists of names, JSON. What a value may be, the service decides."""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args


def read_span(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not match:
        raise ArgumentTypeError(f"{text!r} is not MIN-MAX, such as 3-6")
    return int(match[1]), int(match[2] or match[1])


def read_names(known: Any) -> Callable[[str], list[str]]:
    """Reads a list of names, each one of a `Literal`'s."""

    def read(text: str) -> list[str]:
        names = [name for name in re.split(r"[\s,]+", text) if name]
        if unknown := next((name for name in names if name not in get_args(known)), None):
            raise ArgumentTypeError(f"{unknown!r} is none of {', '.join(get_args(known))}")
        return names

    return read


def read_cast(text: str) -> list[Any]:
    """A list that is spelt out, or stands in a file."""
    if not text.lstrip().startswith("["):
        try:
            text = Path(text).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise ArgumentTypeError(f"cannot read {text}: {getattr(error, 'strerror', None) or 'no UTF-8'}") from None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, list):
        raise ArgumentTypeError('no JSON list, such as [{"id": "yu", "name": "Yu", "look": "a girl in a red coat"}]')
    return value


def read_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ArgumentTypeError(f'{text!r} is not a JSON object, such as {{"shot": "7b"}}')
    return value
