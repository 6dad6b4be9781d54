"""`make bench-gpu` without a GPU: every path runs at a tiny shape, and no figure is guessed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.gpu_sheet import NEEDS_GPU, OUT_OF_TIME, Phase, Sheet, Value

ROOT = Path(__file__).parents[2]
LIMIT_S = 240.0  # 17 s of processor time; 40 s by the clock was seen on two cores that others were using
pytestmark = pytest.mark.timeout(LIMIT_S + 30)
NOT_HERE = ("is not installed", NEEDS_GPU)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, dict[str, object]]]:
    """What the script prints at the tiny shape with no GPU in sight, and the figures of its JSON file."""
    out = tmp_path_factory.mktemp("gpu")
    command = [sys.executable, "-m", "tests.bench.gpu", "--tiny", "--out", str(out)]
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=hidden, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, json.loads((out / "gpu-tiny.json").read_text())["figures"]


def test_every_path_of_the_gpu_benchmark_runs_at_a_tiny_shape(ran: tuple[str, dict[str, dict[str, object]]]) -> None:
    _, figures = ran

    broken = {
        name: figure["reason"] for name, figure in figures.items() if not str(figure["reason"]).endswith(NOT_HERE)
    }

    assert broken == {}
    assert {"copy_tb_per_s", "guide_one_by_one_tokens_per_s", "engine_1_tokens_per_s", "int4_memory_gb"} <= set(figures)
    assert {"graphs_on_2_step_ms", "compiled_on_2_step_ms", "varlen_off_2_step_ms", "worker_ready_s"} <= set(figures)


def test_a_figure_that_needs_a_gpu_is_printed_as_not_measured(ran: tuple[str, dict[str, dict[str, object]]]) -> None:
    printed, figures = ran
    table = {line.split()[0]: line for line in printed.splitlines() if "not measured" in line}

    assert {name for name, figure in figures.items() if figure["value"] is not None} == set()
    assert set(table) == set(figures)


def test_a_phase_that_fails_or_finds_no_time_says_so_and_the_next_one_runs(tmp_path: Path) -> None:
    sheet = Sheet(tmp_path / "sheet.json", measures=True, budget_s=60, about={})
    phases = [
        Phase(("broken",), _break),
        Phase(("long",), dict, seconds=1000),
        Phase(("absent",), dict, packages=("flash_attn",)),
        Phase(("rate", "unseen"), lambda: {"rate": Value(50.0, "tokens/s", 200.0)}),
        Phase(("step",), lambda: {"step": Value(8.0, "ms/step", 2.0, "transformers, torch_varlen")}),
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
    assert (figures["rate"]["by"], figures["step"]["by"]) == ("", "transformers, torch_varlen")
    assert "step    8             ms/step   transformers, torch_varlen  2      25%\n" in sheet.table() + "\n"


def _break() -> dict[str, Value]:
    raise RuntimeError("no kernel\nand a long story")
