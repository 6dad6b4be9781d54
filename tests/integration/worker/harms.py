"""What makes a worker fail at its start: done in its process before that begins, where no file of a model can do it."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULES = "modules:"  # begins the line of `saying_what_it_imports`


def torch_that(folder: Path, code: str) -> None:
    """A torch of one's own, which does this when it is imported."""
    (folder / "torch").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text(code)
    sys.path.insert(0, str(folder))


def raising(module: str, name: str, error: BaseException) -> None:
    """A function of ours or a library's that meets this error."""

    def meet(*_: Any, **__: Any) -> None:
        raise error

    *owners, last = name.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    setattr(owner, last, meet)


def terminated_before(module: str, name: str) -> None:
    """SIGTERM comes just before this step of a bootstep."""
    step = getattr(importlib.import_module(module), name)
    begin = step.start

    def start(self: Any, parent: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        begin(self, parent)

    step.start = start


def both(first: Callable[[], None], second: Callable[[], None]) -> None:
    first()
    second()


def without_module(name: str) -> None:
    """An installation that lacks one of its files."""
    sys.modules[name] = None  # type: ignore[assignment]


def without_scripts(folder: Path) -> None:
    importlib.import_module("shared.store.scripts").LUA_FOLDER = folder  # type: ignore[attr-defined]


def waiting_with_pythons_lock(pipe: Path, module: str, name: str) -> None:
    """A library that reads what nobody writes, and lets no other thread run meanwhile: tokenizers opens files so."""
    from tokenizers import Tokenizer

    os.mkfifo(pipe)
    setattr(importlib.import_module(module), name, lambda *_, **__: Tokenizer.from_file(str(pipe)))


def saying_what_it_imports() -> None:
    """No harm: once it is ready, its log names every module that it has loaded."""
    from celery import signals

    def say(**_: Any) -> None:
        print(MODULES, *sys.modules, flush=True)

    signals.worker_ready.connect(say, weak=False)
