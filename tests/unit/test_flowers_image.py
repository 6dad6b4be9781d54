"""Flower's image has the packages of the API and of the dashboard, and nothing of the worker's: so much must do."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
REFUSE = """
import runpy, sys

refused = set({refused!r})


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"{{name}} is not in this image", name=name)


sys.meta_path.insert(0, Refuse())
"""


def wanted(requirements: Iterable[str]) -> set[str]:
    """The distributions that pip would install for these, by the metadata of what is installed here."""
    found: set[tuple[str, str]] = set()  # a name and one of its extras, or none
    left = [Requirement(text) for text in requirements]
    while left:
        requirement = left.pop()
        for extra in ("", *requirement.extras):
            one = (canonicalize_name(requirement.name), extra)
            if one in found:
                continue
            found.add(one)
            left += [
                inner
                for inner in map(Requirement, _requires(requirement.name))
                if inner.marker is None or inner.marker.evaluate({"extra": extra})
            ]
    return {name for name, _ in found}


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # named for another platform or left out of this machine
        return []


@pytest.fixture(scope="module")
def image() -> str:
    """Code that refuses every package installed here but those of the image's own pip install."""
    (extras,) = re.findall(r"'api': \(([^)]+)\)", (ROOT / "Dockerfile.gpu").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chosen = [text for extra in re.findall(r"\w+", extras) for text in project["optional-dependencies"][extra]]
    there = {"scriptqueue", *wanted([*project["dependencies"], *chosen])}
    assert "flower" in there
    refused = {
        module
        for module, names in packages_distributions().items()
        if not any(canonicalize_name(name) in there for name in names)
    }
    assert refused >= {"torch", "transformers"}
    return REFUSE.format(refused=sorted(refused))


@pytest.mark.parametrize(
    "command",
    [
        "import worker.app",
        "import api.app",
        "import worker.webhooks.__main__",
        "sys.argv[1:] = ['-A', 'worker.app', 'flower', '--help']; runpy.run_module('celery', run_name='__main__')",
    ],
)
def test_what_runs_in_the_image_of_the_api_needs_no_package_of_the_worker(image: str, command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", image + command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=50
    )

    assert ended.returncode == 0, ended.stderr
