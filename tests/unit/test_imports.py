"""What each process loads when it is started: nothing heavy where it is not needed, and nothing before it is.

One module a process, each in a Python of its own. What a worker with a model has loaded:
tests/integration/worker/test_model_worker.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = {"torch", "transformers", "tokenizers", "llguidance", "numpy", "accelerate", "models"}
SERVICE = {"redis", "celery", "kombu", "fastapi", "pydantic_settings", "api.app", "shared", "worker"}
NEVER = {
    "scriptqueue": {*MODEL, *SERVICE, "httpx", "pydantic", "rich"},  # its names bring these when they are used
    "scriptqueue.client": {*MODEL, *SERVICE},
    "scriptqueue.cli.main": {*MODEL, *SERVICE},
    "api.cli": {*MODEL, *SERVICE},
    "api.app": {*MODEL, "worker"},
    "worker.app": MODEL,  # Flower's too, whose image has none of them
    "worker.supervisor": {*MODEL, "worker.app"},
    "worker.webhooks.__main__": {*MODEL, "celery", "kombu", "fastapi"},
    "worker.engine.tables": MODEL - {"llguidance"},  # begun before torch is imported
}


@pytest.mark.parametrize("module", NEVER)
def test_a_start_loads_nothing_that_it_does_not_use(module: str) -> None:
    code = f"import {module}, sys; print(*sorted({NEVER[module]} & sys.modules.keys()))"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr
