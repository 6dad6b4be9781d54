"""The file that keeps the runs, the table of one or two of them, and the page of boards. Knows no model.

bench/results/quality.json has a run under each label: the tallies of each board, from which the figures of a run and
those of a comparison follow, and the figures themselves, for readers. A run takes the place of the last one of its
label, which becomes `before`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.report import RESULTS
from tests.quality.columns import ENGINE_MEASURES, Written
from tests.quality.intervals import Estimate, Tally, difference, mean, share
from tests.quality.measures_board import BOARD_MEASURES, Measure

RUNS = RESULTS / "quality.json"
PAGE = RESULTS / "quality.md"
PAGE_BEFORE = RESULTS / "quality-before.md"
MEASURES = (*BOARD_MEASURES, *ENGINE_MEASURES)
COLUMNS = ("engine", "plain")
SHOWN_BOARDS = 10  # the first ones
SHOWN = 400  # characters of a prompt

Column = dict[str, dict[str, list[float]]]  # by board, by measure: a tally
Run = dict[str, Any]
_ESTIMATES: Mapping[str, Callable[[Sequence[Tally]], Estimate]] = {"share": share, "mean": mean}


def run_of(about: Mapping[str, Any], columns: Mapping[str, Sequence[Written]]) -> Run:
    """`about`: what was run, where and how long it took."""
    listed = {
        name: {f"{w.prompt.id} #{w.seed}": {key: [*map(_short, t)] for key, t in w.tallies.items()} for w in boards}
        for name, boards in columns.items()
    }
    return {**about, "figures": {name: _figures(column) for name, column in listed.items()}, "boards": listed}


def read(path: Path = RUNS) -> dict[str, Run]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def keep(run: Run, label: str, path: Path = RUNS) -> dict[str, Run]:
    """All runs that are kept now. What had the label is `before`."""
    runs = read(path)
    if label in runs:
        runs["before"] = runs[label]
    runs[label] = run
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_as_json(runs))
    return runs


def tallies(column: Column, measure: str) -> dict[str, Tally]:
    return {
        board: Tally(listed[measure][0], int(listed[measure][1]))
        for board, listed in column.items()
        if measure in listed
    }


def estimate(column: Column, measure: Measure) -> Estimate:
    return _ESTIMATES[measure.kind]([*tallies(column, measure.name).values()])


def change(before: Column, after: Column, measure: Measure) -> Estimate:
    """Of the boards that both have, by prompt and seed."""
    old, new = tallies(before, measure.name), tallies(after, measure.name)
    both = [board for board in old if board in new]
    return difference([old[board] for board in both], [new[board] for board in both])


def compared(titles: tuple[str, str], before: Column, after: Column) -> Table:
    """Two columns side by side; a difference that its interval tells from 0 is marked as better or worse."""
    table = Table("figure", *titles, "difference", "", "meaning")
    for measure in MEASURES:
        old, new = estimate(before, measure), estimate(after, measure)
        if old.value is None and new.value is None:
            continue
        moved = change(before, after, measure)
        table.add_row(
            measure.name, shown(old), shown(new), _signed(moved), verdict(moved, measure.wants), measure.meaning
        )
    return table


def table_of(run: Run) -> Table:
    """The engine's column, beside it the plain one over its own prompts, and what that is to the engine's same ones."""
    engine, plain = run["boards"]["engine"], run["boards"].get("plain", {})
    same = {board: listed for board, listed in engine.items() if board in plain}
    table = Table("figure", "all prompts", "n", f"the {len(plain)}: engine", "plain", "", "meaning")
    for measure in MEASURES:
        whole = estimate(engine, measure)
        if whole.value is None:
            continue
        here, there = estimate(same, measure), estimate(plain, measure)
        moved = change(plain, same, measure)
        cells = [shown(whole), str(whole.n), shown(here), shown(there), verdict(moved, measure.wants)]
        table.add_row(measure.name, *cells, measure.meaning)
    return table


def verdict(moved: Estimate, wants: str) -> str:
    if moved.low is None or moved.high is None or not wants or moved.low <= 0 <= moved.high:
        return ""
    return "better" if (moved.low > 0) == (wants == "more") else "worse"


def shown(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def markdown(table: Table) -> str:
    cells = [[str(cell) for cell in column.cells] for column in table.columns]
    head = [str(column.header) for column in table.columns]
    rows = [head, ["---"] * len(head), *map(list, zip(*cells, strict=True))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def show(title: str, table: Table) -> None:
    Console(width=190).print(title, table)


def write_page(run: Run, boards: Sequence[Written]) -> None:
    """The figures, and the first boards as they are, good or bad. The page of the run before stays beside it."""
    if PAGE.exists():
        PAGE.replace(PAGE_BEFORE)
    PAGE.write_text(page(run, boards))


def page(run: Run, boards: Sequence[Written]) -> str:
    lines = [
        "# Quality: the last run",
        "",
        f"Written by `make quality`: {run['model']}, {run['weight_bits']} bits, {run['dtype']}, seeds {run['seeds']}, "
        f"{len(run['boards']['engine'])} boards; {run['hardware']}, {run['took_s']} s. docs/quality.md says what is "
        "measured, and how.",
        "",
        *markdown(table_of(run)).splitlines(),
        "",
        f"The first {SHOWN_BOARDS} boards, in the order of tests/quality/prompts.json; none was chosen.",
    ]
    for written in boards[:SHOWN_BOARDS]:
        lines += ["", f"## {written.prompt.id}", "", f"> {' '.join(written.prompt.prompt.split())[:SHOWN]}", ""]
        if written.board is None:
            lines.append("No valid board.")
            continue
        lines += [f"**{written.board.title}**", ""]
        lines += [
            f"{scene.scene_number}. {scene.description} / {scene.action} ({scene.camera}, {scene.duration:g} s)"
            for scene in written.board.scenes
        ]
    return "\n".join(lines) + "\n"


def _figures(column: Column) -> dict[str, dict[str, Any]]:
    estimates = {measure.name: estimate(column, measure) for measure in MEASURES}
    return {
        name: {key: _short(value) for key, value in asdict(found).items()}
        for name, found in estimates.items()
        if found.value is not None
    }


def _signed(moved: Estimate) -> str:
    return "-" if moved.value is None else f"{moved.value:+.3g} [{moved.low:+.3g}, {moved.high:+.3g}]"


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else int(value)


def _as_json(runs: Mapping[str, Run]) -> str:
    """A figure and a board a line, so that a difference can be read."""
    parts = []
    for label, run in runs.items():
        about = [
            f"  {json.dumps(key)}: {json.dumps(value)}"
            for key, value in run.items()
            if key not in {"figures", "boards"}
        ]
        for what in ("figures", "boards"):
            columns = []
            for name, column in run[what].items():
                rows = [
                    f"    {json.dumps(key, ensure_ascii=False)}: {json.dumps(value)}" for key, value in column.items()
                ]
                columns.append(f"   {json.dumps(name)}: {{\n" + ",\n".join(rows) + "\n   }")
            about.append(f"  {json.dumps(what)}: {{\n" + ",\n".join(columns) + "\n  }")
        parts.append(f" {json.dumps(label)}: {{\n" + ",\n".join(about) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"
