"""What the `scriptqueue` command says and where: results on stdout, progress and complaints on stderr.

A live line on a terminal, elsewhere a plain line for each stage; nothing in it, whoever wrote it, that a terminal would
obey. Knows jobs only through format.py.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

ShowProgress = Callable[[str, float, Hashable], None]
PROGRESS_COLUMNS = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
# Escape sequences begin with these; bidi marks turn a line around. JSON itself escapes those below 0x20.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def accept_any_text() -> None:
    """A terminal or a pipe that is not UTF-8 shows what it has no character for as an escape, not as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def shown(text: str) -> str:
    """The text with its control characters as escapes."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_out(what: str | RenderableType) -> None:
    if isinstance(what, str):
        print(shown(what), flush=True)
    else:
        Console().print(what)


def print_json(document: str) -> None:
    """A JSON document, with \\u escapes where stdout has no character for something in it."""
    try:
        document.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        document = json.dumps(json.loads(document), indent=2 if "\n" in document else None)
    print_out(document)


def print_err(text: str) -> None:
    print(shown(text), file=sys.stderr, flush=True)


@contextmanager
def progress_line() -> Iterator[ShowProgress]:
    """Call it with where it is, the fraction and the stage: one line that changes on a terminal. Elsewhere lines
    stay, so that there is one only where the stage is another than before."""
    if not sys.stderr.isatty():  # rich takes FORCE_COLOR, which CI systems set for their logs, for a terminal
        yield _print_stages()
        return
    with Progress(*PROGRESS_COLUMNS, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda line, fraction, _: bar.update(task, description=shown(line), completed=fraction)


def _print_stages() -> ShowProgress:
    last: Hashable = None

    def show(line: str, _: float, stage: Hashable) -> None:
        nonlocal last
        if stage != last:
            print_err(line)
        last = stage

    return show
