"""How a worker's process ends, for its supervisor to read: exit codes, which one an exception means, and the one line
that says why.

Knows errors; not what was being done when one was raised.
"""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from typing import NoReturn

from shared.errors import EngineBroken, Flaky, OutOfMemory, ProcessError, ScriptqueueError

log = logging.getLogger(__name__)

EXIT_BROKEN = 70  # it cannot go on (a sticky CUDA error, say); another process may
EXIT_REPLACE = 75  # a new one would serve better; nothing that it ran is to blame
EXIT_UNUSABLE = 78  # it would end the same way again (no model, a bad setting)
EXIT_INTERRUPTED = 130  # Ctrl-C, as shells tell it

LINE_CHARACTERS = 600  # of the line
_ROOT = Path(__file__).parents[1]
_OURS = ("api", "client", "models", "scriptqueue", "shared", "worker")
# What is not there, not allowed or not a file stays so; any other error of the system's (no space, no memory, no answer
# of a disk) may pass. Without a number it is a library's own: a shared object that is missing, most often.
_STAYS = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENODEV, errno.ENXIO),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOEXEC, errno.EINVAL, None),
}
_OF_A_DEVICE = {"AcceleratorError", "OutOfMemoryError"}  # torch's, which is not imported here


def exit_code_of(error: BaseException) -> int:
    """What it means that this ended a worker before it was ready.

    | raised                                                                             | code |
    |------------------------------------------------------------------------------------|------|
    | `ModelUnavailable`, `SettingsInvalid`, `RedisUnfit`                                | 78   |
    | the same, caused by memory, a device, a disk or a network                          | 70   |
    | `EngineBroken`, `OutOfMemory`, `StoreUnavailable`, `DownloadFailed`                | 70   |
    | MemoryError; RuntimeError, a driver's and torch's word for most things             | 70   |
    | RecursionError, NotImplementedError, although they are RuntimeErrors               | 78   |
    | OSError of a file that is missing or forbidden, of a library that is missing       | 78   |
    | any other OSError: no space, no memory, an address in use, a disk that fails       | 70   |
    | SystemExit of a library; ImportError, ValueError, TypeError, AssertionError, bugs  | 78   |
    | KeyboardInterrupt                                                                  | 130  |
    """
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if isinstance(error, EngineBroken) or any(map(_passes, _causes(error))):
        return EXIT_BROKEN
    stays = isinstance(error, RecursionError | NotImplementedError)
    return EXIT_BROKEN if isinstance(error, RuntimeError) and not stays else EXIT_UNUSABLE


def line_of(error: BaseException) -> str:
    """One line. Where it is none of ours, with its type and the place in our code where it came from."""
    if isinstance(error, ScriptqueueError):
        words = str(error)
    elif isinstance(error, KeyboardInterrupt):
        words = "interrupted"
    elif isinstance(error, SystemExit):
        words = f"a library ended the process: {error.code}{_place(error)}"
    else:
        words = ": ".join(filter(None, (type(error).__name__, str(error)))) + _place(error)
    line = " ".join(words.split())
    return line if len(line) <= LINE_CHARACTERS else f"{line[:LINE_CHARACTERS]} ..."


@contextmanager
def fatal(who: str, leave: Callable[[int], NoReturn] = sys.exit) -> Iterator[None]:
    """Whatever is raised here ends the process, with one line on stderr, where the log is too, and its exit code. What
    called us may catch exceptions and go on: Celery's signals do. The traceback is for LOG__LEVEL=DEBUG."""
    try:
        yield
    except BaseException as error:  # the edge: also what a library means by SystemExit
        try:
            log.debug("before this worker was ready", exc_info=True)
            print(f"{who}: {line_of(error)}", file=sys.stderr, flush=True)
        finally:  # whether or not somebody reads it
            leave(exit_code_of(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and as far as it only passes others on, what it was raised from."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ if isinstance(link, ProcessError) else None


def _passes(error: BaseException) -> bool:
    if isinstance(error, MemoryError | OutOfMemory | Flaky | ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError):
        return error.errno not in _STAYS
    return any(kind.__name__ in _OF_A_DEVICE for kind in type(error).__mro__)


def _place(error: BaseException) -> str:
    """The innermost line of ours, which no path of the machine is needed for."""
    place = ""
    for frame, line in walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_ROOT) and (name := path.relative_to(_ROOT)).parts[0] in _OURS:
            place = f" ({name}:{line})"
    return place
