"""The units of deploy/systemd: what they say, and what systemd itself says of them where it is at hand."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from shared.settings import WorkerSettings, known_names
from tests.deploy.programs import ROOT
from worker.exits import EXIT_UNUSABLE

UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
EXPOSURE_MAX = "25"  # tenths: systemd calls 1 to 2.9 OK, and a service that says nothing has 9.6
Directives = list[tuple[str, str]]


def directives(name: str) -> Directives:
    lines = (UNITS / name).read_text().splitlines()
    return [(key, value) for key, _, value in (line.partition("=") for line in lines if line[:1] not in ("#", "[", ""))]


def value_of(name: str, key: str) -> str:
    (found,) = (value for directive, value in directives(name) if directive == key)
    return found


def test_there_is_a_unit_for_each_process() -> None:
    assert [name.removeprefix("scriptqueue-") for name in SERVICES] == [
        "api.service",
        "flower.service",
        "webhooks.service",
        "worker@.service",
    ]


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_can_be_given_without_editing_the_unit(name: str) -> None:
    """systemd reads EnvironmentFile after Environment, wherever they stand."""
    given = dict(value.split("=", 1) for key, value in directives(name) if key == "Environment")

    assert value_of(name, "EnvironmentFile") == "/etc/scriptqueue.env"
    assert given.keys() <= {*known_names(), "HOME"}
    assert (given.get("SCRIPTQUEUE_MODEL__DEVICE") == "cuda:%i") is ("worker@" in name)


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_starts_again_unless_that_would_end_the_same_way(name: str) -> None:
    assert value_of(name, "Restart") == "on-failure"
    assert value_of(name, "RestartPreventExitStatus") == str(EXIT_UNUSABLE)
    assert value_of(name, "StartLimitIntervalSec") == "0"


def test_a_worker_has_longer_to_stop_than_it_drains_and_its_supervisor_alone_is_asked_to() -> None:
    assert int(value_of("scriptqueue-worker@.service", "TimeoutStopSec")) > WorkerSettings().drain_s
    assert value_of("scriptqueue-worker@.service", "KillMode") == "mixed"


def test_processes_are_those_of_the_images() -> None:
    commands = re.findall(r"^CMD (\[.*\])$", (ROOT / "Dockerfile.gpu").read_text(), re.MULTILINE)
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    images = {
        "api": json.loads(commands[0])[:-2],  # an end of its own in 5 s; --timeout-graceful-shutdown
        "worker@": json.loads(commands[1]),
        "webhooks": compose["webhooks"]["command"].split(),
        "flower": compose["flower"]["command"].split(),
    }

    for name, wanted in images.items():
        here = shlex.split(value_of(f"scriptqueue-{name}.service", "ExecStart").rpartition(".venv/bin/")[2])
        assert here == [word.replace("0.0.0.0", "127.0.0.1").replace("/data/", "") for word in wanted]


@pytest.mark.parametrize(("login", "code"), [("", 2), ("admin:x", 0)])
def test_flower_is_not_started_without_a_login(login: str, code: int) -> None:
    condition = value_of("scriptqueue-flower.service", "ExecCondition").replace("$$", "$")

    done = subprocess.run(
        shlex.split(condition), env={"FLOWER_BASIC_AUTH": login}, capture_output=True, text=True, check=False
    )

    assert done.returncode == code
    assert ("USER:PASSWORD" in done.stderr) is bool(code)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as they would be, and for their programs something that is there."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    folder = tmp_path_factory.mktemp("units")
    for name in SERVICES:
        text = re.sub(r"/srv/scriptqueue/\.venv/bin/\w+", "/bin/true", (UNITS / name).read_text())
        (folder / name.replace("@", "@0")).write_text(text)
    return folder


def analyzed(folder: Path, *arguments: str) -> tuple[int, str]:
    files = [str(path) for path in sorted(folder.iterdir())]
    done = subprocess.run(["systemd-analyze", *arguments, *files], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_systemd_finds_no_fault(installed: Path) -> None:
    assert analyzed(installed, "verify", "--man=no") == (0, "")


def test_systemd_finds_a_misspelt_directive(installed: Path, tmp_path: Path) -> None:
    text = (installed / "scriptqueue-api.service").read_text()
    (tmp_path / "scriptqueue-api.service").write_text(text.replace("NoNewPrivileges", "NoNewPrivilege"))

    assert "NoNewPrivilege" in analyzed(tmp_path, "verify", "--man=no")[1]


def test_systemd_finds_them_exposed_to_little(installed: Path) -> None:
    code, report = analyzed(installed, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}")

    assert code == 0, report
