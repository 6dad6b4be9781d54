"""`make chaos-mutants`: each deliberate break of mutants.toml, in a copy of the tree, must be noticed by a layer.

Prints which layer noticed what, and exits 1 when a break goes unnoticed, or when a layer fails without any break.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.redis_host import impossible

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).with_name("mutants.toml")
PACKAGES = ("api", "shared", "worker", "models", "tests")
CASES = "400"  # of the state machine, always the same ones
# A process of its own for each layer: the copy's code must be the one that is imported.
LAYERS = {
    "store": ["-m", "tests.chaos", "--layers", "store", "--cases", CASES, "--any"],
    "processes": ["-m", "tests.chaos.short"],
    "neighbours": ["-m", "tests.chaos", "--layers", "neighbours"],
    "power": ["-m", "tests.chaos", "--layers", "power", "--cuts", "3"],
    "failover": ["-m", "tests.chaos.failovers"],
}
LIMIT_S = 240


@dataclass(frozen=True)
class Edit:
    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        path = root / self.file
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.file} has this {text.count(self.old)} times: {self.old}"
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Mutant:
    name: str
    breaks: str
    edits: tuple[Edit, ...]
    layers: tuple[str, ...] = tuple(LAYERS)  # of which one must notice it


def mutants() -> list[Mutant]:
    tables = tomllib.loads(DATA.read_text())["mutant"]
    return [
        Mutant(m["name"], m["breaks"], tuple(Edit(**edit) for edit in m["edit"]), tuple(m["layers"])) for m in tables
    ]


def copy(to: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, to / package, ignore=shutil.ignore_patterns("__pycache__"))


def notices(layer: str, root: Path) -> str | None:
    """What a layer says of this tree when something is wrong with it."""
    ended = subprocess.run(
        [sys.executable, *LAYERS[layer]],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if ended.returncode == 0:
        return None
    faults = [line for line in ended.stdout.splitlines() if line.startswith("FAIL")]
    return faults[0][:110] if faults else ended.stderr[-300:]


def main(names: Sequence[str]) -> int:
    """`names`: of the breaks; none: all of them, and the code as it is."""
    chosen = [mutant for mutant in mutants() if mutant.name in names]
    if len(chosen) != len(names):
        print(f"the breaks are: {', '.join(mutant.name for mutant in mutants())}")
        return 2
    table = Table("break", "layer", "what it noticed", "s", title="make chaos-mutants")
    unnoticed, false_alarms = [], []
    for mutant in chosen or [Mutant("(none)", "the code as it is", ()), *mutants()]:
        if mutant.layers == ("power",) and (reason := impossible()):
            print(f"{mutant.name}: skipped: {reason}")
            continue
        seen = False
        for layer in mutant.layers:
            started = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
                copy(Path(folder))
                for edit in mutant.edits:
                    edit.apply(Path(folder))
                notice = notices(layer, Path(folder))
            seconds = time.monotonic() - started
            print(f"{mutant.name} / {layer}: {notice or 'nothing'} ({seconds:.0f} s)", flush=True)
            table.add_row(mutant.name, layer, notice or "nothing", f"{seconds:.0f}")
            seen = seen or notice is not None
        if mutant.edits and not seen:
            unnoticed.append(mutant.name)
        if not mutant.edits and seen:
            false_alarms.append(mutant.name)
    Console(width=170).print(table)
    print(f"unnoticed: {', '.join(unnoticed) or 'none'}")
    return 1 if unnoticed or false_alarms else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
