"""`make bench-gpu` without a GPU: every path runs at a tiny shape, and no figure is guessed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.gpu_sheet import NEEDS_GPU, OUT_OF_TIME, Phase, Sheet, Value

ROOT = Path(__file__).parents[2]
LIMIT_S = 240.0  # 17 s of processor time; 40 s by the clock was seen on two cores that others were using
pytestmark = pytest.mark.timeout(LIMIT_S + 30)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, dict[str, object]]]:
    """What the kit's command prints at the tiny shape with no GPU in sight, and the figures of its JSON file."""
    out = tmp_path_factory.mktemp("gpu")
    command = ["bash", "tests/bench/gpu_kit/run.sh", "200", "0", "--tiny"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OUT": str(out), "PATH": path}
    done = subprocess.run(command, cwd=ROOT, env=hidden, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert {file.name for file in out.iterdir()} == {"machine.txt", "figures.log", "gpu-tiny.json", "steps-2.txt"}
    return done.stdout, json.loads((out / "gpu-tiny.json").read_text())["figures"]


def test_every_path_of_the_gpu_benchmark_runs_at_a_tiny_shape(ran: tuple[str, dict[str, dict[str, object]]]) -> None:
    _, figures = ran

    expected = re.compile(f"{NEEDS_GPU}|.* is not installed|follows from .*")
    broken = {name: why for name, figure in figures.items() if not expected.fullmatch(why := str(figure["reason"]))}

    assert broken == {}
    assert {"copy_tb_per_s", "guide_one_by_one_tokens_per_s", "engine_1_tokens_per_s", "int4_memory_gb"} <= set(figures)
    assert {"transformers_2_step_ms", "overlap_off_2_step_ms", "forced_off_2_step_ms", "host_2_serial_ms"} <= set(
        figures
    )
    assert {"forward_2_ms", "choice_64_ms", "kernel_paged_1_us", "graphs_off_2_step_ms"} <= set(figures)
    assert {"kernel_flash_2_us", "profile_2_busy", "masks_exposed_2", "engine_2_vs_guide"} <= set(figures)


def test_a_figure_that_needs_a_gpu_is_printed_as_not_measured(ran: tuple[str, dict[str, dict[str, object]]]) -> None:
    printed, figures = ran
    table = {line.split()[0]: line for line in printed.splitlines() if "not measured" in line}

    assert {name for name, figure in figures.items() if figure["value"] is not None} == set()
    assert set(table) == set(figures)


def test_a_phase_that_fails_or_finds_no_time_says_so_and_the_next_one_runs(tmp_path: Path) -> None:
    sheet = Sheet(tmp_path / "sheet.json", measures=True, budget_s=60, about=ABOUT)
    phases = [
        Phase(("broken",), _break),
        Phase(("long",), dict, seconds=1000),
        Phase(("absent",), dict, packages=("flash_attn",)),
        Phase(("rate", "unseen"), lambda: {"rate": Value(50.0, "tokens/s", 200.0)}),
        Phase(("step",), lambda: {"step": Value(8.0, "ms/step", 2.0, "loop", "paged")}),
        Phase(("share",), lambda: {"share": Value(sheet.value_of("step") / sheet.value_of("unseen"), "times")}),
    ]
    sheet.plan(phases)

    for phase in phases:
        sheet.take(phase, {"flash_attn": "flash-attn is not installed"})

    figures = json.loads((tmp_path / "sheet.json").read_text())["figures"]
    assert figures["broken"] == {"value": None, "reason": "failed: RuntimeError: no kernel"}
    assert figures["long"]["reason"] == OUT_OF_TIME
    assert figures["absent"]["reason"] == "flash-attn is not installed"
    assert figures["unseen"]["value"] is None
    assert figures["rate"]["share"] == figures["step"]["share"] == 0.25
    assert figures["share"]["reason"] == "follows from unseen"
    (line,) = (line.split() for line in sheet.table().splitlines() if line.startswith("step"))
    assert line == ["step", "8", "ms/step", "2", "25%", "loop", "paged", "2.11", "H200"]


ABOUT: dict[str, Any] = {"card": "H200", "versions": {"torch": "2.11"}}


def _break() -> dict[str, Value]:
    raise RuntimeError("no kernel\nand a long story")
