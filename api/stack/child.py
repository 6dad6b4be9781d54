"""One process of the local stack: in a session of its own, with its output in a log file, and never outliving us.

The session keeps the terminal's Ctrl-C away from it, so that the stack stops its processes in order; the parent-death
signal ends it even when the stack itself is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.parent_death import die_with

TAIL_LINES = 15
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # what ends the stack


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A stop waits until the block has ended. In the middle of a fork Python would raise it in a hook of the logging
    module, which drops it: the stack then went on as if nobody had pressed Ctrl-C."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Child:
    """Started at once. `log` None: what it says on stderr (its progress) goes to our terminal. `umask`: -1 for ours."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        log: Path | None,
        umask: int = -1,
    ) -> None:
        self.name = name
        self._log = log
        die_with_us = die_with(os.getpid())

        def begin() -> None:
            die_with_us()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)  # a mask outlives the exec

        output = log.open("ab") if log else None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                [str(part) for part in command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.DEVNULL,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
                umask=umask,
                preexec_fn=begin,  # noqa: PLW1509 - the stack has one thread
            )
        finally:
            if output:
                output.close()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self) -> int:
        return self._process.wait()

    def stop(self, grace_s: float) -> None:
        """SIGTERM, `grace_s` to leave, then SIGKILL, to it and all that it started."""
        self._signal(signal.SIGTERM)
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
        finally:  # also when a second Ctrl-C ends the wait
            self._signal(signal.SIGKILL)
            self._process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        if self._log is None or not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-TAIL_LINES:])

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
