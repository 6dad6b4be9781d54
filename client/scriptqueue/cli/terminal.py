"""What the `scriptqueue` command says and where: results on stdout, progress and complaints on stderr.

A live line on a terminal, plain lines elsewhere. Knows jobs only through format.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

ShowProgress = Callable[[str, float], None]
PROGRESS_COLUMNS = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())


def print_out(what: str | RenderableType) -> None:
    if isinstance(what, str):
        print(what, flush=True)
    else:
        Console().print(what)


def print_err(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def progress_line() -> Iterator[ShowProgress]:
    """Call it with where it is and the fraction: one line that changes on a terminal, a line each time elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda line, _: print_err(line)
        return
    with Progress(*PROGRESS_COLUMNS, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda line, fraction: bar.update(task, description=line, completed=fraction)
