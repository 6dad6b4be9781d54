"""`python -m worker.hold COMMAND...`: runs a command, and stays when that ended with 78, until it is told to end.

Docker starts whatever ended again, whatever its code was: a worker whose model is missing would load torch for ever and
bury its one line in the log. Kubernetes and systemd need none of this. Knows signals and codes, not the command.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from worker.exits import EXIT_UNUSABLE

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(command: Sequence[str]) -> int:
    """The command's exit code, as a shell has it; 0 where it ended by the signal that asked it to."""
    child: subprocess.Popen[bytes] | None = None
    ending = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        ending = True
        if child:
            child.send_signal(number)

    for number in SIGNALS:
        signal.signal(number, end)
    child = subprocess.Popen(command)  # noqa: S603 - a container's own
    if ending:  # in between
        child.terminate()
    code = child.wait()
    if code == EXIT_UNUSABLE and not ending:
        print("scriptqueue: another start would end the same way (78): this container waits to be stopped", flush=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if not ending:
            signal.sigwait(SIGNALS)
    if ending and code == -signal.SIGTERM:  # uvicorn ends by the signal itself, when all is done
        return 0
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
