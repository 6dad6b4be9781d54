"""A stop that `make demo` or `make up` is sent is heard, wherever Python is at that moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STOPPED_THERE = """
import os, signal, sys, time
from api.stack.__main__ import hear_stops

class Pool:
    def __del__(self):
        os.kill(os.getpid(), signal.{number})
        for _ in range(1000): pass  # Python hears a signal between two instructions

hear_stops()
try:
    for _ in range({times}):
        pool = Pool()
        del pool
    time.sleep(20)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_one_that_comes_within_a_destructor_is_heard_too(number: str, times: int) -> None:
    script = STOPPED_THERE.format(number=number, times=times)

    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, timeout=15, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (130, "")
