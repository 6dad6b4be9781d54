"""A forked worker is to a test what one started by its command is."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import ROOT, Process


def test_what_forks_share_reads_no_settings_and_brings_no_model_library() -> None:
    code = "import tests.integration.worker.zygote, sys; sys.exit(bool({'worker.app', 'torch'} & sys.modules.keys()))"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_fork_tells_how_it_ended(start_worker: StartWorker) -> None:
    unusable, killed = start_worker(worker__max_batch="0"), start_worker()

    killed.kill()

    assert unusable.wait() == 78
    assert "MAX_BATCH" in unusable.log_text
    assert killed.wait() == -signal.SIGKILL


def test_a_fork_comes_out_of_the_fork_server_and_is_a_process_of_its_own(api: httpx.Client, worker: Process) -> None:
    (shown,) = api.get("/queue").json()["workers"]
    parent = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[1]

    assert shown["worker"].split(":")[1] == str(worker.pid)
    assert b"forkserver" in Path(f"/proc/{parent}/cmdline").read_bytes()
