"""Both packages as pip makes them of what git tracks, and environments that hold nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUIET = ("-q", "--disable-pip-version-check")


def tracked() -> list[str]:
    """Paths in the checkout that git has, or would take."""
    listed = subprocess.check_output(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    return [name for name in listed.decode().splitlines() if (ROOT / name).is_file() or (ROOT / name).is_symlink()]


def copy_to(folder: Path) -> Path:
    """A checkout without what tests need, to build in: a build leaves folders of its own."""
    for name in tracked():
        if name.partition("/")[0] not in {"bench", "docs", "tests"}:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    return folder


def built(source: Path, into: Path) -> Path:
    """The wheel of a folder or of an sdist."""
    isolated = () if find_spec("setuptools") else ("--build-isolation",)
    without = () if isolated else ("--no-build-isolation",)  # nothing is fetched
    pip("wheel", "--no-deps", *without, "-w", str(into), str(source))
    (wheel,) = into.glob("*.whl")
    return wheel


def pip(*arguments: str, python: str = sys.executable) -> None:
    command, *rest = arguments
    ended = subprocess.run([python, "-m", "pip", command, *QUIET, *rest], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def environment_with(folder: Path, *requirements: str) -> Path:
    """A new environment's folder of commands; it has these packages, what they need, and pip."""
    subprocess.check_call([sys.executable, "-m", "venv", str(folder)])
    commands = folder / "bin"
    pip("install", "-c", str(ROOT / "constraints.txt"), *requirements, python=str(commands / "python"))
    return commands


def outside(**variables: str) -> dict[str, str]:
    """The variables of a process that is to know nothing of this checkout."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SCRIPTQUEUE_", "VIRTUAL"))
    }
    return kept | variables
