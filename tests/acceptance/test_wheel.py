"""The wheel, as pip builds it from what git tracks: every file that the code reads is in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "models", "scriptqueue", "shared", "worker")


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    listed = subprocess.check_output(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    named = (name.removeprefix("client/") for name in listed.decode().splitlines())  # scriptqueue is a link into it
    return [name for name in named if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel of this checkout, built beside it: a build leaves folders of its own."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in tracked:
        if name.partition("/")[0] in {*PACKAGES, "pyproject.toml", "README.md", "LICENSE"}:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps", "-w", str(built)]
    if find_spec("setuptools"):
        command.append("--no-build-isolation")  # nothing is fetched
    ended = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_under_the_packages_and_nothing_else(wheel: set[str], tracked: list[str]) -> None:
    ours = {name for name in tracked if name.partition("/")[0] in PACKAGES}

    assert any(name.endswith(".lua") for name in ours)
    assert {name for name in wheel if ".dist-info/" not in name} == ours
