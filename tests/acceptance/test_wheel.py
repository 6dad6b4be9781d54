"""Both packages as pip builds them from what git tracks: every file that the code reads is in them, and installed
alone, in an empty environment and another folder, they work."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.acceptance.packages import built, copy_to, environment_with, outside, tracked
from tests.integration.worker.processes import free_port, until
from tests.stub_service import service

PACKAGES = ("api", "models", "scriptqueue", "shared", "worker")
USERS_PROGRAM = """
import sys

import api
from scriptqueue import Client, Job, Scene


def scenes_of(url: str) -> list[Scene]:
    with Client(url) as client:
        job: Job = client.submit("雨夜里的一只猫", min_scenes=3, max_scenes=3, sampling={"seed": 7}, fields=["light"])
        return list(client.scenes(job.id))


for scene in scenes_of(sys.argv[1]):
    print(scene.scene_number, scene.description, scene.light, api.GREETING)
"""
WRONG_PROGRAM = """
from scriptqueue import Client

Client("http://x").submit("a prompt", min_scene=3, priority="urgent")
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_to(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def server_wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of the sdist, as an index would."""
    sdist = tmp_path_factory.mktemp("sdist")
    command = "from setuptools.build_meta import build_sdist; import sys; build_sdist(sys.argv[1])"
    subprocess.check_output([sys.executable, "-c", command, str(sdist)], cwd=source, stderr=subprocess.STDOUT)
    (archive,) = sdist.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        assert not [name for name in file.getnames() if "/tests/" in name]
    return built(archive, tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def client_wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(source / "client", tmp_path_factory.mktemp("client"))


@pytest.mark.parametrize(("wheel", "packages"), [("server_wheel", PACKAGES), ("client_wheel", ("scriptqueue",))])
def test_a_wheel_holds_every_file_under_its_packages_and_nothing_else(
    wheel: str, packages: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    names = [name.removeprefix("client/") for name in tracked()]  # scriptqueue is a link into it
    ours = {name for name in names if name.startswith(tuple(f"{package}/" for package in packages))}
    with zipfile.ZipFile(request.getfixturevalue(wheel)) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert "scriptqueue/py.typed" in ours
    assert held == ours


@pytest.fixture(scope="module")
def with_client(client_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment_with(tmp_path_factory.mktemp("with-client"), f"scriptqueue-client @ file://{client_wheel}")


def test_a_users_program_is_typed_runs_a_job_and_has_an_api_of_its_own(with_client: Path, tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "__init__.py").write_text('GREETING = "mine"\n')
    (tmp_path / "program.py").write_text(USERS_PROGRAM)
    (tmp_path / "wrong.py").write_text(WRONG_PROGRAM)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(with_client / "python")]
    checked = subprocess.run([*mypy, "program.py"], cwd=tmp_path, env=outside(), capture_output=True, check=False)
    refused = subprocess.run(
        [*mypy, "wrong.py"], cwd=tmp_path, env=outside(), capture_output=True, text=True, check=False
    )
    with service() as url:
        shown = subprocess.check_output(
            [with_client / "python", "program.py", url], cwd=tmp_path, env=outside(), text=True
        )

    assert checked.returncode == 0, checked.stdout.decode()
    assert '"min_scene"' in refused.stdout
    assert "\"Literal['urgent']\"" in refused.stdout
    assert [line.split()[0] for line in shown.splitlines()] == ["1", "2", "3"]
    assert all(line.endswith(" mine") for line in shown.splitlines())


def test_the_client_alone_is_small_and_says_what_its_command_needs(with_client: Path, tmp_path: Path) -> None:
    listed = subprocess.check_output([with_client / "pip", "list", "--format=freeze"], env=outside(), text=True)
    ended = subprocess.run(
        [with_client / "scriptqueue", "queue"], cwd=tmp_path, env=outside(), capture_output=True, text=True, check=False
    )

    assert len(listed.splitlines()) <= 18
    assert ended.returncode == 1
    assert ended.stderr == (
        "scriptqueue: the command needs rich: install the client with its extra, "
        "`pip install './client[command]'` in a checkout\n"
    )


@pytest.fixture(scope="module")
def with_server(server_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image of API, webhooks and Flower has; it runs a stub worker as well."""
    wheel = f"scriptqueue[dashboard,traces] @ file://{server_wheel}"
    return environment_with(tmp_path_factory.mktemp("with-server"), wheel)


@pytest.fixture
def installed_service(with_server: Path, redis_url: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of API and Flower, all started in an empty folder."""
    api, flower = free_port(), free_port()
    environment = outside(
        SCRIPTQUEUE_REDIS__URL=redis_url,
        SCRIPTQUEUE_MODEL__NAME="stub",
        SCRIPTQUEUE_WORKER__METRICS_PORT="0",
        SCRIPTQUEUE_WEBHOOKS__SECRET="whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        FLOWER_BASIC_AUTH="user:password",
    )
    commands = {
        "api": ["uvicorn", "api.app:app", "--port", str(api)],
        "worker": ["python", "-m", "worker"],
        "webhooks": ["python", "-m", "worker.webhooks"],
        "flower": ["celery", "-A", "worker.app", "flower", "--address=127.0.0.1", f"--port={flower}"],
    }
    with ExitStack() as stack:
        for name, (program, *arguments) in commands.items():
            log = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [with_server / program, *arguments], cwd=tmp_path, env=environment, stdout=log, stderr=log
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        yield f"http://127.0.0.1:{api}", f"http://127.0.0.1:{flower}"


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_the_installed_service_runs_a_job(
    with_server: Path, installed_service: tuple[str, str], tmp_path: Path
) -> None:
    api, flower = installed_service
    until(lambda: answers(f"{api}/readyz"), within_s=60, what="a worker is ready")
    until(lambda: answers(f"{flower}/healthcheck"), within_s=60, what="Flower answers")
    command = [str(with_server / "scriptqueue"), *("submit", "--url", api, "--wait", "--json", "一个程序员的故事")]
    job = json.loads(subprocess.check_output(command, cwd=tmp_path, env=outside()))
    senders = httpx.get(f"{api}/queue", trust_env=False).json()["webhook_senders"]
    tasks = httpx.get(f"{flower}/api/tasks", auth=("user", "password"), trust_env=False).json()

    assert job["status"] == "succeeded"
    assert senders == 1
    assert [task["state"] for task in tasks.values()] == ["SUCCESS"]
    assert httpx.get(f"{api}/", trust_env=False).text.startswith("<!doctype html>")
