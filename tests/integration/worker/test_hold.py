"""`python -m worker.hold`, the first process of a container: what it runs, and how that ends."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.integration.worker.processes import ROOT

SERVES = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("up", flush=True)
time.sleep(60)
"""
ENDS_BY_IT = "import time; print('up', flush=True); time.sleep(60)"


def held(code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "worker.hold", sys.executable, "-c", code]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("", 0),
        ("import sys; sys.exit(70)", 70),
        ("import os; os.kill(os.getpid(), 9)", 137),
    ],
)
def test_it_ends_as_its_command_does(code: str, exit_code: int) -> None:
    with held(code) as process:
        assert process.wait(20) == exit_code


@pytest.mark.parametrize("code", [SERVES, ENDS_BY_IT], ids=["exits", "ends by it"])
def test_a_signal_reaches_the_command(code: str) -> None:
    with held(code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.terminate()

        assert process.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_would_end_the_same_way_again_is_not_started_again(number: signal.Signals) -> None:
    with held("import sys; sys.exit(78)") as process:
        assert process.stdout is not None
        assert "another start would end the same way (78)" in process.stdout.readline()
        assert process.poll() is None
        process.send_signal(number)

        assert process.wait(20) == 78
