"""The loop's kernels in processes of their own, with Triton, which torch's builds for a CPU do not bring: its
interpreter runs them (kernel_cases.py) and must be chosen before anything imports it; its compiler takes them
(kernel_compiler_cases.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
TRITON = Path(sys.prefix) / "triton"  # where `make test` puts it, so that nothing else finds it
MISSING = "Triton is not there: `make test` installs it on Linux"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("which", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_the_kernels_compute_what_their_twins_do(which: str) -> None:
    run("kernel_cases.py", "-m", which, interpreted=True)


@pytest.mark.slow
def test_a_compiler_for_gpus_takes_the_kernels() -> None:
    run("kernel_compiler_cases.py", interpreted=False)


def run(cases: str, *words: str, interpreted: bool) -> None:
    if not find_spec("triton") and not TRITON.exists():
        assert not os.environ.get("CI"), MISSING
        pytest.skip(MISSING)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH"), str(TRITON)]))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
            HERE / cases,
            *words,
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path, "TRITON_INTERPRET": str(int(interpreted)), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
