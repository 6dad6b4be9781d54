"""`make demo` stopped half-way and `make up` as a user runs it: what they print, and that nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import redis

from models.catalogue import QWEN_CODER
from tests.acceptance.marks import alive, new_mark
from tests.integration.engine import tiny
from tests.integration.worker.processes import ROOT, until


class Launched:
    """A launcher, and everything that it starts."""

    def __init__(self, folder: Path, *command: str, **settings: str) -> None:
        self.mark = new_mark()
        environment = {**os.environ, **self.mark, **settings, "PYTHONPATH": str(ROOT)}
        self.output = folder / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.stack", *command],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log_text(self) -> str:
        return self.output.read_text()

    def alive(self) -> list[str]:
        return alive(self.mark)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Launched]:
    """On the smaller embedded model; with the parameter "tiny" on one that is loaded sooner and writes long enough."""
    settings = {"SCRIPTQUEUE_MODEL__NAME": QWEN_CODER.name}
    if getattr(request, "param", "embedded") == "tiny":
        tiny.save(tmp_path / "model")
        settings = {"SCRIPTQUEUE_MODEL__PATH": str(tmp_path / "model")}
    launched = Launched(tmp_path, "demo", **settings)
    yield launched
    launched.close()


@pytest.mark.parametrize(
    ("number", "moment", "demo"),
    [
        (signal.SIGINT, "at once", "embedded"),
        (signal.SIGTERM, "at once", "embedded"),
        (signal.SIGINT, "when the worker loads", "embedded"),
        (signal.SIGTERM, "when the worker loads", "embedded"),
        (signal.SIGINT, "when jobs run", "embedded"),
        (signal.SIGTERM, "when jobs run", "tiny"),
    ],
    indirect=["demo"],
)
def test_ctrl_c_leaves_no_process_behind(demo: Launched, tmp_path: Path, moment: str, number: signal.Signals) -> None:
    logs = tmp_path / ".run" / "demo"
    if moment == "when the worker loads":
        until((logs / "worker.log").exists)
    if moment == "when jobs run":
        until(lambda: (logs / "worker.log").exists() and "received" in (logs / "worker.log").read_text(), 300)

    demo.process.send_signal(number)

    code = demo.process.wait(90)
    assert code in (130, -number) or "init_import_site" in demo.log_text  # Python's own word for "before it began"
    assert demo.alive() == []


STOPPED_IN_A_FORK = """
import os, signal
from api.stack.child import Child, uninterrupted

signal.signal(signal.SIGTERM, signal.default_int_handler)
os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGTERM))
children = []
try:
    with uninterrupted():
        children.append(Child("sleep", ["sleep", "60"], os.environ, log=None))
except KeyboardInterrupt:
    print("interrupted", len(children))
children[0].stop(grace_s=30)
print("it ended with", children[0].exit_code)
"""


def test_a_stop_in_the_middle_of_a_fork_is_heard_after_it_and_the_child_hears_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_IN_A_FORK], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.splitlines() == ["interrupted 1", f"it ended with {-signal.SIGTERM}"]


def test_a_killed_launcher_leaves_no_process_behind(demo: Launched, tmp_path: Path) -> None:
    until((tmp_path / ".run" / "demo" / "worker.log").exists)

    demo.process.kill()
    demo.process.wait()

    until(lambda: demo.alive() == [], 10, "all processes are gone")


def test_up_serves_until_it_is_told_to_stop_and_prints_flowers_login(tmp_path: Path) -> None:
    up = Launched(tmp_path, "up", "--port=0", "--flower-port=0", SCRIPTQUEUE_MODEL__NAME="stub")
    try:
        until(lambda: "Ctrl-C" in up.log_text or up.process.poll() is not None, 60)
        url, flower, login = re.search(r"API +(\S+)\nFlower +(\S+)  \(login (\S+)\)", up.log_text).groups()  # type: ignore[union-attr]

        job = httpx.post(f"{url}/jobs", json={"prompt": "海"}, headers={"Prefer": "wait=20"}, trust_env=False).json()
        user, _, password = login.partition(":")

        assert job["status"] == "succeeded"
        assert httpx.get(f"{flower}/api/tasks", trust_env=False).status_code == 401
        assert httpx.get(f"{flower}/api/tasks", auth=(user, password), trust_env=False).status_code == 200
        _is_private(up, tmp_path / ".run" / "up")
        assert _not_ok(up, url) == []
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(30) == 0
        assert up.alive() == []
    finally:
        up.close()


def _not_ok(up: Launched, url: str) -> list[str]:
    """What `scriptqueue doctor` says with the printed address of Redis and nothing else of the stack's settings."""
    (address,) = re.findall(r"Redis +(\S+)", up.log_text)
    command = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())", "--url", url, "doctor"]
    environment = {**os.environ, "SCRIPTQUEUE_REDIS__URL": address}
    checked = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return [*checked.stderr.splitlines(), *(line for line in checked.stdout.splitlines() if not line.startswith("ok "))]


def _is_private(up: Launched, folder: Path) -> None:
    """Nobody else reads its files, and its Redis wants the password that is drawn and stands in no command line."""
    (address,) = re.findall(r"Redis +(\S+)", up.log_text)
    with redis.Redis.from_url(address) as client:
        assert client.ping()
    with redis.Redis.from_url(re.sub("//:.*@", "//", address)) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    password = address.split("@")[0].rpartition(":")[2]
    assert not [process for process in psutil.process_iter(["cmdline"]) if password in str(process.info["cmdline"])]
    assert not [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]


def test_up_says_which_process_ended_and_why(tmp_path: Path) -> None:
    up = Launched(tmp_path, "up", "--port=0", "--flower-port=0", SCRIPTQUEUE_MODEL__NAME="no-such-model")
    try:
        assert up.process.wait(60) == 1
        assert "worker ended" in up.log_text
        assert "no-such-model" in up.log_text
        assert up.alive() == []
    finally:
        up.close()


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = Launched(tmp_path, "up", f"--port={taken.getsockname()[1]}")
        assert up.process.wait(30) == 1
    assert "is taken" in up.log_text
