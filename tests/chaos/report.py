"""What chaos yields: one line a fault (fault -> outcome -> seconds), the figures, and every violation."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.report import hardware

RESULTS = Path(__file__).parents[2] / "bench" / "results"


@dataclass(frozen=True)
class Row:
    layer: str
    fault: str
    outcome: str
    seconds: float
    kept: bool


@dataclass
class Report:
    rows: list[Row] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def check(self, layer: str, fault: str, drill: Callable[[], str]) -> None:
        """Run one drill. It returns its outcome in words; what it raises is the violation."""
        started = time.monotonic()
        try:
            outcome, kept = drill(), True
        except Exception as error:  # the edge: one broken promise must not hide the others
            outcome, kept = f"{type(error).__name__}: {error}"[:2000], False
        row = Row(layer, fault, outcome, round(time.monotonic() - started, 1), kept)
        with self._lock:
            self.rows.append(row)
        print(f"{'ok  ' if kept else 'FAIL'} {row.layer:8} {row.fault}: {row.outcome} ({row.seconds} s)", flush=True)

    @property
    def violations(self) -> list[Row]:
        return [row for row in self.rows if not row.kept]

    def show(self) -> None:
        table = Table("layer", "fault", "outcome", "s", title=f"make chaos on {hardware()}")
        for row in self.rows:
            table.add_row(row.layer, row.fault, row.outcome if row.kept else f"[red]{row.outcome}", f"{row.seconds:g}")
        Console(width=160).print(table)
        print(json.dumps(self.figures, indent=2))
        print(f"{len(self.violations)} violations" if self.violations else "no promise was broken")

    def write(self, path: Path, seconds: float, command: str) -> None:
        content = {
            "hardware": hardware(),
            "python": platform.python_version(),
            "command": command,
            "seconds": round(seconds),
            "figures": self.figures,
            "rows": [asdict(row) for row in self.rows],
        }
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p99 and max."""
    ordered = sorted(seconds)
    with suppress(IndexError):
        p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
        return {
            "n": len(ordered),
            "p50": round(statistics.median(ordered), 3),
            "p99": round(p99, 3),
            "max": round(ordered[-1], 3),
        }
    return {"n": 0}


def words(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}{' s' if name != 'n' else ''}" for name, value in figures.items())
