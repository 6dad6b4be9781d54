"""Each deliberate break of `make chaos-mutants` still fits the code: one that does not apply would prove nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos.mutants import LAYERS, ROOT, Mutant, mutants


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_the_break_applies_and_changes_the_code(mutant: Mutant, tmp_path: Path) -> None:
    for file in {edit.file for edit in mutant.edits}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)

    for edit in mutant.edits:
        edit.apply(tmp_path)

    assert all((tmp_path / edit.file).read_text() != (ROOT / edit.file).read_text() for edit in mutant.edits)


def test_the_guarantees_name_each_break() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text()
    assert [mutant.name for mutant in mutants() if f"\n| {mutant.name} |" not in text] == []


def test_a_break_is_tried_on_layers_that_there_are() -> None:
    assert {layer for mutant in mutants() for layer in mutant.layers} == set(LAYERS)
