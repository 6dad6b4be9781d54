"""Each deliberate break of `make chaos-mutants` still fits the code: one that does not apply would prove nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos.mutants import ROOT, Mutant, mutants


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_the_break_applies_and_changes_the_code(mutant: Mutant, tmp_path: Path) -> None:
    for file in {edit.file for edit in mutant.edits}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)

    for edit in mutant.edits:
        edit.apply(tmp_path)

    assert all((tmp_path / edit.file).read_text() != (ROOT / edit.file).read_text() for edit in mutant.edits)


def test_there_are_the_seven_breaks_that_the_guarantees_speak_of() -> None:
    assert len(mutants()) == 7
