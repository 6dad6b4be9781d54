"""The sheet of GPU figures: what was measured, what was not and why; a table, and a JSON file that is always whole.

A figure that was not measured has no value and a reason. Knows nothing of models or of CUDA.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NEEDS_GPU = "needs a GPU"
OUT_OF_TIME = "no time was left"
NO_FIGURE = "the run gave no such figure"


class NotOffered(Exception):
    """What was to be measured does not exist here."""


@dataclass(frozen=True)
class Value:
    """One figure. `limit` is the best that the card's own copy bandwidth allows, in the same unit; `share` how near
    this comes. `engine` and `attention`: what ran, where a model did."""

    value: float
    unit: str
    limit: float | None = None
    engine: str | None = None
    attention: str | None = None

    @property
    def share(self) -> float | None:
        if not self.limit or not self.value:
            return None
        rate = self.unit.endswith("/s")
        return self.value / self.limit if rate else self.limit / self.value


@dataclass(frozen=True)
class Phase:
    """One thing to measure: the figures it yields, the packages it needs, about how long it takes on a GPU."""

    names: tuple[str, ...]
    run: Callable[[], dict[str, Value]]
    packages: tuple[str, ...] = ()
    seconds: float = 10.0


@dataclass
class Sheet:
    """`measures` is False without a GPU and at the tiny shape: then the same paths run and no value is kept."""

    path: Path
    measures: bool
    budget_s: float
    about: dict[str, Any]
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ends_at = time.monotonic() + self.budget_s
        self._lock = threading.Lock()

    @property
    def left_s(self) -> float:
        return self._ends_at - time.monotonic()

    def plan(self, phases: list[Phase]) -> None:
        """Every figure stands on the sheet before the first is measured."""
        for phase in phases:
            for name in phase.names:
                self.missing(name, OUT_OF_TIME)

    def missing(self, name: str, reason: str) -> None:
        self.figures[name] = {"value": None, "reason": reason}

    def take(self, phase: Phase, lacking: dict[str, str]) -> None:
        """Run one phase; whatever goes wrong in it is the reason of its figures, and the next phase runs."""
        absent = [lacking[package] for package in phase.packages if package in lacking]
        if absent or self.left_s < phase.seconds:
            reason, values = "; ".join(absent) or OUT_OF_TIME, {}
        else:
            started = time.monotonic()
            try:
                reason, values = NEEDS_GPU, phase.run()
            except NotOffered as error:
                reason, values = str(error), {}
            except Exception as error:  # a variant that this card or these versions cannot run is a finding
                first = next(iter(str(error).strip().splitlines()), "")
                reason, values = f"failed: {type(error).__name__}: {first}"[:200], {}
            self.about.setdefault("seconds", {})[phase.names[0]] = round(time.monotonic() - started, 1)
        for name in phase.names:
            if name in values and self.measures:
                value = values[name]
                self.figures[name] = {key: _rounded(number) for key, number in asdict(value).items()}
                self.figures[name]["share"] = _rounded(value.share)
            else:
                self.missing(name, reason if name in values or not values else NO_FIGURE)
        self.write()

    def value_of(self, name: str) -> float:
        """Of a figure that was measured before; raises `NotOffered`, so that what follows from it is not measured."""
        value = self.figures.get(name, {"value": None})["value"]
        if value is None:
            raise NotOffered(f"follows from {name}")
        return float(value)

    def line(self, phase: Phase) -> str:
        """What a phase gave, in short."""
        shown = [(name, self.figures[name]) for name in phase.names]
        return "; ".join(
            f"{name} {figure['reason'] if figure['value'] is None else _shown(figure['value'])}"
            for name, figure in shown[:3]
        )

    def write(self) -> None:
        """Written anew after each phase, so that a run that is cut keeps what it measured."""
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            scratch = self.path.with_suffix(".part")
            text = json.dumps({**self.about, "figures": self.figures}, indent=1, ensure_ascii=False)
            scratch.write_text(text + "\n")
            scratch.replace(self.path)

    def table(self) -> str:
        """One line a figure: its value, the limit that the card's own copy bandwidth sets and the share of it, and what
        ran; or why it was not measured. Card and torch are those of the whole sheet."""
        rows: list[tuple[str, ...]] = [
            ("figure", "value", "unit", "limit", "share", "engine", "attention", "torch", "card")
        ]
        shared = (str(self.about.get("versions", {}).get("torch", "")), str(self.about.get("card") or ""))
        for name, figure in self.figures.items():
            rows.append((name, *_cells(figure, shared)))
        widths = [max(len(row[column]) for row in rows if len(row) > column) for column in range(len(rows[0]))]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def stop_the_process_at_the_end(self, grace_s: float) -> threading.Timer:
        """A step that hangs must not cost the table: print what there is and leave, exit code 1."""

        def leave() -> None:
            self.write()
            print(self.table(), "\ncut off: a phase did not end in time", flush=True)
            os._exit(1)

        timer = threading.Timer(self.budget_s + grace_s, leave)
        timer.daemon = True
        timer.start()
        return timer


def _cells(figure: dict[str, Any], shared: tuple[str, str]) -> tuple[str, ...]:
    """A row of the table, after the name."""
    if figure["value"] is None:
        return "not measured", "", "", figure["reason"]
    share = f"{figure['share']:.0%}" if figure["share"] is not None else ""
    ran = (figure["engine"] or "", figure["attention"] or "")
    return _shown(figure["value"]), figure["unit"], _shown(figure["limit"]), share, *ran, *shared


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
