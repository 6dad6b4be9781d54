"""The API against its own description: schemathesis with a few cases an operation. `make fuzz` runs thousands."""

from __future__ import annotations

from tests.fuzz import fuzz


def test_the_api_does_what_its_description_says() -> None:
    done = fuzz("--phases", "examples,fuzzing,stateful", "--max-examples", "4", "--seed", "1", "--no-shrink")

    assert done.returncode == 0, done.stdout
    assert "API Links:" in done.stdout
