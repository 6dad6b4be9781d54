"""What every benchmark yields: figures with a unit, a baseline and their ratio, and the file that holds them."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.picture import picture

RESULTS = Path(__file__).parents[2] / "bench" / "results"
PACKAGES = ("torch", "transformers", "llguidance", "celery", "redis", "fastapi", "uvicorn")


@dataclass(frozen=True)
class Figure:
    """`ratio` compares `value` with `baseline`, both measured in one run; what it means is in the name's line."""

    value: float
    unit: str
    baseline: float
    ratio: float
    meaning: str


def hardware() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores of {model}"


def write(figures: dict[str, Figure], command: str) -> None:
    """Print the table, merge it into bench/results/summary.json and draw that."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "summary.json"
    before = json.loads(path.read_text())["figures"] if path.exists() else {}
    shown = {
        name: {key: _rounded(value) for key, value in asdict(figure).items()} | {"hardware": hardware()}
        for name, figure in figures.items()
    }
    summary = {
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        "command": command,
        "figures": before | shown,
    }
    path.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    path.with_suffix(".svg").write_text(picture(summary))
    table = Table("figure", "value", "baseline", "unit", "ratio", "meaning")
    for name, figure in shown.items():
        table.add_row(name, *(str(figure[key]) for key in ("value", "baseline", "unit", "ratio", "meaning")))
    Console(width=160).print(f"{hardware()}; {command}", table)


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value
