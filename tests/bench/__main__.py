"""`make bench`: every figure, each with the baseline that was measured in the same run; `ARGS=engine` for one part.

A part is a module here with `figures()`. What a part yields is written at once, so that a later one's fault loses none.
`peers` runs by its name alone, for it installs another's software.
"""

from __future__ import annotations

import importlib
import sys

from tests.bench.report import write

PARTS = (
    "engine",
    "grammar",
    "candidates",
    "rewrite",
    "host",
    "service",
    "eta",
    "scripts",
    "bodies",
    "gil",
    "start",
    "weights",
)  # in the order of the table
BY_NAME = ("peers",)

if __name__ == "__main__":
    parts = sys.argv[1:] or PARTS
    if unknown := set(parts) - {*PARTS, *BY_NAME}:
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; known: {', '.join([*PARTS, *BY_NAME])}")
    for part in parts:
        write(importlib.import_module(f"tests.bench.{part}").figures(), " ".join(["make bench", *sys.argv[1:]]))
