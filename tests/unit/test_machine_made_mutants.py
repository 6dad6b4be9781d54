"""The changes that `make mutants` makes: enough of them, each another text, and those of Python still Python."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.edits import LUA, PYTHON, ROOT, edits, explained, of_lua, of_python

TOGETHER = 300
SAMPLE = """-- if a comment == 1 then
if not held(x) and y <= 5 + 30 then return redis.call('GET', 'if a == b then') end
"""


def test_there_are_enough_of_every_file() -> None:
    counts = Counter(edit.path for edit in edits())
    assert sum(counts.values()) >= TOGETHER
    assert [path.name for path in (*LUA, *PYTHON) if not counts[path]] == []


def test_each_edit_is_named_apart_and_what_is_explained_is_there() -> None:
    names = [str(edit) for edit in edits()]
    assert len(set(names)) == len(names)
    assert explained() - {edit.named for edit in edits()} == set()


def test_what_becomes_of_lua(tmp_path: Path) -> None:
    path = tmp_path / "sample.lua"
    path.write_text(SAMPLE)
    changed = {SAMPLE[: edit.begin] + edit.new + SAMPLE[edit.end :] for edit in of_lua(path)}
    assert changed == {
        SAMPLE.replace(" and ", " or "),
        SAMPLE.replace("<=", "<"),
        SAMPLE.replace("5", "6"),
        SAMPLE.replace("30", "0"),
        SAMPLE.replace("+", "-"),
        SAMPLE.replace("not held", " held"),
        SAMPLE.replace("redis.call(", "rawequal("),
        SAMPLE.replace("if not held(x) and y <= 5 + 30 then", "if true then"),
        SAMPLE.replace("if not held(x) and y <= 5 + 30 then", "if false then"),
    }


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_changed_python_is_python(path: Path) -> None:
    text = path.read_text()
    whole = ast.dump(ast.parse(text))
    for edit in list(of_python(path))[::6]:
        changed = text[: edit.begin] + edit.new + text[edit.end :]
        assert ast.dump(ast.parse(changed)) != whole, edit
