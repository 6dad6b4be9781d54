"""`make bench`: every figure, each with the baseline that was measured in the same run."""

from __future__ import annotations

import sys

from tests.bench import engine, eta
from tests.bench.report import write

if __name__ == "__main__":
    write(engine.figures() | eta.figures(), "make bench")
    sys.exit(0)
