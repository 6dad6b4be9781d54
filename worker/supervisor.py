"""The parent of one worker process: starts it, sees it end, gives back its jobs with the right blame, starts it again.

Loads no model: a worker that dies of its device leaves this process untouched. A lease that lapses does the same later
where no supervisor lives, so nothing here must succeed for a job to be safe.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from threading import Thread, Timer
from types import FrameType

from shared import logs
from shared.broker import celery_app
from shared.errors import StoreUnavailable
from shared.parent_death import die_with
from shared.settings import Settings, from_environment
from shared.store.executions import Blame, Executions
from shared.store.redis_server import require_fit
from shared.store.scripts import scripts
from shared.workers import worker_name
from worker.exits import EXIT_BROKEN, EXIT_REPLACE, EXIT_UNUSABLE, fatal
from worker.options import require_followed

log = logging.getLogger(__name__)

COMMAND = ("-m", "celery", "-A", "worker.app", "worker", "--without-gossip", "--without-mingle")
CRASHES = frozenset({EXIT_BROKEN, *(-n for n in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE))})
STOPPED = frozenset({-signal.SIGTERM, -signal.SIGKILL})  # by us: what it left is given back, and all is in order
FINAL = frozenset({0, 2, EXIT_UNUSABLE})  # done; a wrong argument; no model or a bad setting
WHY = {  # for whoever reads only this log; the worker's own line is on stderr
    2: "a wrong argument",
    EXIT_BROKEN: "it met what another process may not meet",
    EXIT_REPLACE: "a new one serves better",
    EXIT_UNUSABLE: "another one would end the same way",
    -signal.SIGALRM: "it stood still while it loaded",
    -signal.SIGKILL: "somebody killed it, or the system for memory",
}
MIN_PAUSE_S = 0.2
_MAX_PAUSE_S = 10.0
SHORT_LIFE_S = 10.0  # who lives longer starts again without a growing pause
HEARD_EVERY_S = 0.5
TICK_S = 0.1
KILL_AFTER_S = 3.0  # past `DRAIN_S`
LAST_WORD_S = 1.5  # at the end, for giving back; after that the leases lapse by themselves


class Supervisor:
    """`run` returns the exit code of this process."""

    def __init__(self, settings: Settings, command: Sequence[str]) -> None:
        self._settings = settings
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def run(self) -> int:
        pause_s = MIN_PAUSE_S
        while True:
            born = time.monotonic()
            code = self._live()
            if self._stopping:
                return 0 if code in STOPPED else abs(code)
            if code in FINAL:
                if code:
                    log.error("the worker ended with %s; this supervisor ends too", _words(code))
                return code
            pause_s = min(_MAX_PAUSE_S, pause_s * 2) if time.monotonic() - born < SHORT_LIFE_S else MIN_PAUSE_S
            log.error("the worker ended with %s; the next starts in %.1f s", _words(code), pause_s)
            until = time.monotonic() + pause_s
            while time.monotonic() < until:
                time.sleep(TICK_S)
                if self._stopping:
                    return 0

    def stop(self, number: int, frame: FrameType | None) -> None:
        """A signal handler: the worker drains, and this process ends with it."""
        self._stopping = True
        if self._child:
            self._end(self._child)

    def _live(self) -> int:
        """One worker process from start to end."""
        self._child = child = _start(self._command)
        name = worker_name(child.pid)
        log.info("worker %s starts", name)
        if self._stopping:  # told to in between
            self._end(child)
        code = child.wait()
        # In a thread, for while Redis is away the next worker can load its model.
        blame = "none" if self._stopping else blame_of(code)
        release = Thread(target=self._release, args=(name, blame), name="release", daemon=True)
        release.start()
        if self._stopping or code in FINAL:
            release.join(LAST_WORD_S)
        return code

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """Politely, then surely; a child that has ended already is not touched."""
        child.terminate()
        killer = Timer(self._settings.worker.drain_s + KILL_AFTER_S, child.kill)
        killer.daemon = True
        killer.start()

    def _release(self, name: str, blame: Blame) -> None:
        """Give back what ran on the process `name`, however long Redis is away."""
        executions = Executions(self._settings, name)
        app = celery_app.make_app(self._settings, patient=False)
        while True:
            try:
                rings = executions.release(blame)
                break
            except StoreUnavailable as error:
                log.warning("jobs of %s not yet given back: %s", name, error)
                time.sleep(HEARD_EVERY_S)
        try:
            for doorbell in rings:
                celery_app.ring(app, doorbell.job_id, doorbell.priority, model=doorbell.model)
        except StoreUnavailable as error:
            log.warning("not all jobs were rung (the sweep will): %s", error)
        if rings:
            log.warning("gave back %d jobs of %s (%s)", len(rings), name, blame)
        executions.close()
        app.close()


def blame_of(code: int) -> Blame:
    """A crash may be the job's doing; a kill is not likely to be; a process that was told to end has no blame."""
    if code in CRASHES:
        return "crashes"
    return "none" if code in {*FINAL, EXIT_REPLACE, -signal.SIGTERM} else "lapses"


def main(arguments: Sequence[str]) -> int:
    """Exit 0 after SIGTERM or when the worker ended by itself; 78 when it cannot serve at all."""
    with fatal("scriptqueue"):
        settings = from_environment()
        logs.start_logs(settings.log)
        celery_app.require_alone(settings)
        require_followed(arguments, os.environ, settings)  # before a pool is patched in that is not installed
        scripts()  # what is missing is missed here and not in a thread
        try:
            require_fit(settings)
        except StoreUnavailable as error:
            log.warning("%s; the worker looks at it when it answers", error)
    supervisor = Supervisor(settings, [sys.executable, *COMMAND, *arguments])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.stop)
    return supervisor.run()


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches it through us alone; it never outlives us."""
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - it only makes two system calls
    )


def _words(code: int) -> str:
    name = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    return f"{name} ({WHY[code]})" if code in WHY else name
