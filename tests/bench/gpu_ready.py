"""How long a worker takes from its process's start until it could take a job, with the weights in the page cache."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from typing import Any

# A worker does this between Celery's start and its first job; Celery itself and Redis are left out.
SCRIPT = """
import sys
from pathlib import Path
from shared.settings import Settings
from worker.backend.model import ModelBackend
ModelBackend.load(Settings(model={"path": Path(sys.argv[1]), "device": sys.argv[2]}, worker={"max_batch": 64}))
print("ready", flush=True)
sys.stdin.read()
"""


def ready_s(model: Any, tokenizer: Any, device: str) -> float:
    """Seconds; raises RuntimeError with what the process said last if it never was ready."""
    with tempfile.TemporaryDirectory(prefix="scriptqueue-") as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        started = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-c", SCRIPT, folder, device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            assert process.stderr
            line, seconds = process.stdout.readline(), time.perf_counter() - started
            process.kill()
            if line != "ready\n":
                raise RuntimeError(process.stderr.read().strip().splitlines()[-1])
    return seconds
