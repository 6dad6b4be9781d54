"""Deliberate breaks of each layer, which the simulator must notice: scripts with another text, and Python that leaves
out what it should do.

Knows how a break is made; not how it is noticed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.store.entry import NO_KEY, NewJob
from shared.store.executions import Executions
from shared.store.submissions import Submissions
from shared.store.sweep import Sweeps
from tests.simulate.world import product_texts

DATA = Path(__file__).with_name("breaks.toml")


@dataclass(frozen=True)
class Break:
    """`texts`: all scripts, one of them broken; `around`: what is other in Python meanwhile."""

    name: str
    texts: Mapping[str, str]
    around: Callable[[], AbstractContextManager[Any]] = nullcontext


def breaks() -> list[Break]:
    """All of them; raises `ValueError` for one that fits no more."""
    lua = [_of_script(**table) for table in tomllib.loads(DATA.read_text())["break"]]
    return lua + [Break(name, product_texts(), around) for name, around in PYTHON.items()]


def _of_script(name: str, script: str, old: str, new: str) -> Break:
    texts = product_texts()
    if texts[script].count(old) != 1:
        raise ValueError(f"{name}: {script}.lua has this {texts[script].count(old)} times: {old}")
    return Break(name, texts | {script: texts[script].replace(old, new)})


@contextmanager
def replaced(owner: type, name: str, value: Any) -> Iterator[None]:
    """An attribute of a class is another for a while."""
    before = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


PYTHON: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "store: what a sweep names is not rung": lambda: replaced(Sweeps, "rings", lambda self, answer: []),
    "store: a renewal says ok whatever the script says": lambda: replaced(
        Executions, "renew", lambda self, running: ["ok" for _ in running]
    ),
    "store: the supervisor blames, and gives nothing back": lambda: replaced(
        Executions, "release", lambda self, blame: []
    ),
    "store: a key is not sent": lambda: replaced(
        Submissions, "_enter", _without_key(Submissions._enter)
    ),
    "store: all jobs are alike": lambda: replaced(NewJob, "dedup_key", property(lambda self: "same")),
}  # fmt: skip


def _without_key(enter: Callable[..., Any]) -> Callable[..., Any]:
    async def entered(self: Submissions, entries: Any, client: str, once: Any, batch_id: str = "") -> Any:
        return await enter(self, entries, client, NO_KEY, batch_id)

    return entered
