"""What `make` says of itself, and what it installs: one version of each dependency, which pyproject.toml allows."""

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


def test_make_alone_lists_every_target_with_what_it_does() -> None:
    targets = re.findall(r"^([a-z-]+):.* ## .+$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert [line.split()[:2] for line in make(ROOT).splitlines()] == [["make", target] for target in targets]
    assert {"demo", "test", "test-slow", "test-all", "check"} < set(targets)


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_installed_installs_anew(changed: str, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    before = set(re.findall(r"\.ready-\w+-\d+", make(tmp_path, "-n", "test")))

    with (tmp_path / changed).open("a") as file:
        file.write("# changed\n")

    assert len(before) == 2
    assert not before & set(re.findall(r"\.ready-\w+-\d+", make(tmp_path, "-n", "test")))


def test_what_make_test_runs_needs_neither_the_model_nor_a_browser() -> None:
    assert "models pull" in make(ROOT, "-n", "test-slow")
    assert not re.search("models pull|chromium", make(ROOT, "-n", "test"))
