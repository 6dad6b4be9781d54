"""`make test-image`: Dockerfile.gpu is built and docker-compose.yml comes up in a real engine, on stand-ins for its two
base images (engine.py). The worker is the stub in the API's image: torch's own image takes minutes and gigabytes, and
`WITH_WORKER_IMAGE=1` builds that too.

One story in the order of the tests; each says what it took.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.packages import copy_to, pip
from tests.image.engine import Engine, impossible, make_bases, started
from tests.integration.worker.processes import ROOT, until

REASON = impossible()
MUST_WORK = bool(os.environ.get("CI")) and os.geteuid() == 0
pytestmark = [
    pytest.mark.skipif(REASON is not None and not MUST_WORK, reason=REASON or ""),
    pytest.mark.timeout(900),
]
PASSWORD = "p@ss:w/rd #1 $x 'y' \"z\""
SETTINGS = {
    "REDIS_PASSWORD": PASSWORD,
    "FLOWER_PASSWORD": "flower-secret",
    "COMPOSE_PROFILES": "cpu",
    "SCRIPTQUEUE_WEBHOOKS__SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "SCRIPTQUEUE_LOG__FORMAT": "json",
}
STUB = """\
services:
  worker-cpu:
    image: scriptqueue-api:local
    build: !reset null
    command: python -m worker
    environment: {SCRIPTQUEUE_MODEL__NAME: stub}
    healthcheck: {test: ["CMD", "python", "-m", "worker.alive"], interval: 2s, timeout: 10s, retries: 30}
"""
MOST_OF_API_MB = 120
MOST_OF_A_LINE_MB, MOST_OF_A_LINE_S = 5, 60
SERVICES = ("api", "flower", "redis", "webhooks", "worker-cpu")


class Compose:
    """The stack of this checkout."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self._override = folder / "stub.yml"
        self._override.write_text(STUB)

    def __call__(self, *arguments: str, **variables: str) -> str:
        files = ["-f", str(ROOT / "docker-compose.yml"), "-f", str(self._override)]
        return self.engine.docker("compose", "-p", "sq", *files, *arguments, **SETTINGS, **variables)

    def state(self, service: str) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(
            self.engine.docker("inspect", f"sq-{service}-1", "--format", "{{json .State}}")
        )
        return state

    def get(self, path: str, *options: str) -> Any:
        answer = self.engine.inside("curl", "-s", *options, f"localhost:{path}")
        return json.loads(answer) if answer.startswith(("{", "[")) else answer

    def submit(self, prompt: str, wait_s: int = 0, **fields: Any) -> dict[str, Any]:
        body = json.dumps({"prompt": prompt, **fields})
        headers = ("-H", "Content-Type: application/json", "-H", f"Prefer: wait={wait_s}")
        job: dict[str, Any] = self.get("8000/jobs", *headers, "-d", body)
        return job

    def succeeds(self, job_id: str) -> bool:
        return bool(self.get(f"8000/jobs/{job_id}")["status"] == "succeeded")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("engine")
    with started(folder) as running:
        make_bases(running, folder / "bases")
        yield running


@pytest.fixture(scope="module")
def compose(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Compose:
    return Compose(engine, tmp_path_factory.mktemp("compose"))


def size_mb(engine: Engine, image: str) -> float:
    return int(engine.docker("image", "inspect", image, "--format", "{{.Size}}")) / 1e6


def test_the_apis_image_is_small(compose: Compose, engine: Engine) -> None:
    begun = time.monotonic()
    compose("build", "-q", "api")
    above_mb = size_mb(engine, "scriptqueue-api:local") - size_mb(engine, "python:3.12-slim")

    print(f"api: built in {time.monotonic() - begun:.0f} s, {above_mb:.0f} MB above its base")
    assert above_mb <= MOST_OF_API_MB


def test_everything_comes_up_and_serves(compose: Compose) -> None:
    begun = time.monotonic()
    compose("up", "-d", "--wait")

    print(f"up in {time.monotonic() - begun:.0f} s")
    assert {name: compose.state(name)["Health"]["Status"] for name in SERVICES} == dict.fromkeys(SERVICES, "healthy")
    assert compose.submit("海边的故事", wait_s=20)["status"] == "succeeded"


def test_flower_wants_its_login_and_shows_the_job(compose: Compose) -> None:
    assert compose.get("5555/", "-o", "/dev/null", "-w", "%{http_code}") == "401"
    tasks = compose.get("5555/api/tasks", "-u", "admin:flower-secret")
    assert [task["state"] for task in tasks.values()] == ["SUCCESS"]


def test_containers_have_no_rights(compose: Compose) -> None:
    """A user by number, nothing to write but /tmp and the volumes, no capability, and an init as the first process."""
    inside = "id -u; touch /x 2>&1; grep CapEff /proc/1/status; cat /proc/1/comm"
    for name in ("api", "webhooks", "flower", "worker-cpu"):
        uid, denied, capabilities, init = compose.engine.docker("exec", f"sq-{name}-1", "sh", "-c", inside).splitlines()
        assert (uid, init) == ("10001", "dumb-init")
        assert "Read-only file system" in denied
        assert int(capabilities.split()[1], 16) == 0


def test_doctor_is_content_within_a_container(compose: Compose) -> None:
    shown = compose.engine.docker("exec", "sq-api-1", "sh", "-c", "scriptqueue doctor || true")
    assert [line for line in shown.splitlines() if line.startswith("fault")] == []


@pytest.mark.parametrize("name", ["api", "webhooks", "flower", "worker-cpu"])
def test_a_stop_is_orderly_at_any_moment(compose: Compose, name: str) -> None:
    """Also right after the start, before the process has any handler of its own."""
    for pause_s in (None, 0.0, 0.7):
        if pause_s is not None:
            compose.engine.docker("start", f"sq-{name}-1")
            time.sleep(pause_s)
        begun = time.monotonic()
        compose("stop", name)
        took_s = time.monotonic() - begun
        print(f"{name}: stopped in {took_s:.1f} s, {compose.state(name)['ExitCode']}")
        assert compose.state(name)["ExitCode"] in ({0} if pause_s is None else {0, 143})
        assert took_s < 9
    compose("up", "-d", "--wait")


def test_a_worker_that_is_killed_is_started_again_and_its_job_runs(compose: Compose) -> None:
    job = compose.submit("雨夜", metadata={"stub": {"seconds": 3}})
    until(lambda: compose.get(f"8000/jobs/{job['id']}")["status"] == "running", what="it runs")
    os.kill(compose.state("worker-cpu")["Pid"], 9)
    until(lambda: compose.succeeds(job["id"]), within_s=120, what="it ran again")

    assert compose.get(f"8000/jobs/{job['id']}")["attempt"] == 2


def test_two_workers_share_the_queue(compose: Compose) -> None:
    compose("up", "-d", "--wait", "--scale", "worker-cpu=2")
    assert [worker["state"] for worker in compose.get("8000/queue")["workers"]] == ["ready", "ready"]
    compose("up", "-d", "--wait")


def test_what_ends_with_78_waits_with_its_line(compose: Compose) -> None:
    compose("up", "-d", "worker-cpu", SCRIPTQUEUE_MODEL__DTYPE="fp17")
    waits = "another start would end the same way (78)"
    until(lambda: waits in compose("logs", "worker-cpu"), what="it waits")
    time.sleep(3)

    assert compose.state("worker-cpu")["Status"] == "running"
    assert "MODEL__DTYPE" in compose("logs", "worker-cpu")
    assert compose.engine.docker("inspect", "sq-worker-cpu-1", "--format", "{{.RestartCount}}").strip() == "0"
    compose("stop", "worker-cpu")
    assert compose.state("worker-cpu")["ExitCode"] == 78


def test_down_takes_everything_and_keeps_the_jobs(compose: Compose) -> None:
    """The stub worker is stopped: the job waits meanwhile."""
    waiting = compose.submit("等一等")
    compose("down")
    assert compose.engine.docker("ps", "-aq") == ""

    compose("up", "-d", "--wait")
    until(lambda: compose.succeeds(waiting["id"]), what="it ran")


def test_a_changed_line_is_a_small_layer(engine: Engine, tmp_path: Path) -> None:
    """The worker's image installs the code by the same step, above what it needs."""
    copy = copy_to(tmp_path)
    layers = set(layers_of(engine, "scriptqueue-api:local"))
    with (copy / "worker" / "alive.py").open("a") as file:
        file.write("# a line\n")
    begun = time.monotonic()
    engine.docker("build", "-q", "-f", copy / "Dockerfile.gpu", "--target", "api", "-t", "changed", copy)
    took_s = time.monotonic() - begun
    new = [layer for layer in layers_of(engine, "changed") if layer not in layers]
    sizes = engine.docker("history", "--human=false", "--format", "{{.Size}}", "changed").split()
    newest_mb = next(size for size in map(int, sizes) if size) / 1e6

    print(f"a changed line: {took_s:.0f} s, {newest_mb:.1f} MB")
    assert len(new) == 1
    assert newest_mb <= MOST_OF_A_LINE_MB
    assert took_s <= MOST_OF_A_LINE_S


def layers_of(engine: Engine, image: str) -> list[str]:
    return engine.docker("image", "inspect", image, "--format", "{{range .RootFS.Layers}}{{.}} {{end}}").split()


@pytest.mark.skipif(not os.environ.get("WITH_WORKER_IMAGE"), reason="the image with torch was not asked for")
def test_the_workers_image_has_what_a_model_needs(engine: Engine, tmp_path: Path) -> None:
    """On a base that holds this machine's wheel of torch, for the index's own brings gigabytes of CUDA."""
    torch = f"torch=={version('torch').partition('+')[0]}"
    pip("download", "--no-deps", "-d", str(tmp_path / "wheels"), torch)
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.12-slim\nCOPY wheels /torch-wheels\nENV PIP_FIND_LINKS=/torch-wheels\n"
    )
    engine.docker("build", "-q", "-t", "with-torch", tmp_path)
    begun = time.monotonic()
    named = ("-f", ROOT / "Dockerfile.gpu", "--target", "worker", "-t", "scriptqueue-worker:local")
    engine.docker("build", "-q", "--build-arg", "PYTHON=with-torch", *named, ROOT)
    above_mb = size_mb(engine, "scriptqueue-worker:local") - size_mb(engine, "with-torch")
    print(f"worker: built in {time.monotonic() - begun:.0f} s, {above_mb:.0f} MB above its base")

    safe = ("run", "--rm", "--read-only", "--tmpfs", "/tmp:exec", "--cap-drop", "ALL")
    listed = engine.docker(*safe, "scriptqueue-worker:local", "python", "-m", "models", "list")
    imported = engine.docker(
        *safe, "scriptqueue-worker:local", "python", "-c", "import worker.app, worker.engine.batch; print('ok')"
    )
    assert "chatglm3-6b" in listed
    assert imported.strip().endswith("ok")
