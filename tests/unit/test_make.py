"""What `make` installs: one version of each dependency, which pyproject.toml allows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIRED = [Requirement(text) for group in (PROJECT["dependencies"], *EXTRAS.values()) for text in group]
PINNED = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line[0] != "#")


def make(folder: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.check_output(["make", *words], cwd=folder, env=environment, text=True)


@pytest.mark.parametrize("required", [one for one in REQUIRED if one.name != PROJECT["name"]], ids=str)
def test_every_dependency_has_one_version_that_is_allowed(required: Requirement) -> None:
    assert required.specifier.contains(PINNED[canonicalize_name(required.name)])


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_installed_installs_anew(changed: str, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    before = set(re.findall(r"\.ready-\w+-\d+", make(tmp_path, "-n", "test")))

    with (tmp_path / changed).open("a") as file:
        file.write("# changed\n")

    assert len(before) == 2
    assert not before & set(re.findall(r"\.ready-\w+-\d+", make(tmp_path, "-n", "test")))
