"""The changes that `make mutants` makes: enough of them, each another text, and those of Python still Python."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.__main__ import drawn, noticed_by
from tests.mutants.edits import LUA, PYTHON, ROOT, edits, explained, of_lua, of_python

TOGETHER = 300
SAMPLE = """-- if a comment == 1 then
if not held(x) and y <= 5 + 30 then return redis.call('GET', 'if a == b then') end
"""


def test_there_are_enough_of_every_file() -> None:
    counts = Counter(edit.path for edit in edits().values())
    assert sum(counts.values()) >= TOGETHER
    assert [path.name for path in (*LUA, *PYTHON) if not counts[path]] == []


def test_each_edit_is_named_apart_and_what_is_explained_is_there() -> None:
    found = edits()
    assert len(set(found.values())) == len(found)
    assert explained() - {edit.named for edit in found.values()} == set()


def test_the_sample_stays_when_others_are_explained_or_a_line_is_moved() -> None:
    first = drawn([*edits()], {}, 50)
    assert first == drawn([*reversed(edits())], {}, 50)
    left = [name for name in edits() if name != first[7]]
    assert drawn(left, {}, 49) == [name for name in first if name != first[7]]


def test_what_is_in_the_table_is_drawn_first() -> None:
    names = [*edits()]
    kept = dict.fromkeys(names[1000:1010])
    assert {*kept} < {*drawn(names, kept, 20)}
    assert len(drawn(names, kept, 20)) == 20


@pytest.mark.parametrize(
    ("report", "command"),
    [
        ("tests: tests/unit/test_x.py::test_y[a b-1] - assert 1 == 2", "tests/unit/test_x.py::test_y"),
        ("likely tests: tests/integration/api/test_x.py::test_y", "tests/integration/api/test_x.py::test_y"),
        ("simulator: records and indexes agree: tests", ""),
        ("tests: by its time", ""),
        ("", ""),
    ],
)
def test_the_test_that_noticed_it_the_last_time_is_tried_first(report: str, command: str) -> None:
    assert noticed_by(report) == command


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
