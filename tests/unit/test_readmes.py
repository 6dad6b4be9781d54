"""README.md and its Chinese twin say the same: who changes one changes the other.

The words are free. Code, commands, links, rows and figures are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`]+`")


def prose(document: Path) -> str:
    return FENCED.sub("", document.read_text())


def blocks(document: Path) -> list[tuple[str, str]]:
    return FENCED.findall(document.read_text())


def headings(document: Path) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(document), re.MULTILINE)]


def links(document: Path) -> list[str]:
    text = re.sub(r"\]\(README\S*\)", "", prose(document))
    return sorted(re.findall(r"\]\(([^)]+)\)", text))


def lines(document: Path) -> list[str]:
    """A paragraph, an item, a heading or a row each."""
    return [line for line in prose(document).splitlines() if line]


def rows(document: Path) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines(document) if line.startswith("|")]


def figures(text: str) -> list[str]:
    return sorted(re.findall(r"\d+(?:[.,]\d+)*", text))


def unwritten(cell: str) -> str | list[str]:
    """What a first cell must share with its twin: all of it, or, where it holds words, the code among them."""
    return CODE.findall(cell) if re.search(r"[^\W\d_]", CODE.sub("", cell)) else cell


def test_each_readme_links_to_the_other_in_its_second_line() -> None:
    english, chinese = (document.read_text().splitlines() for document in (ENGLISH, CHINESE))

    assert english[1] == "[中文](README.zh.md)"
    assert chinese[1] == "[English](README.md)"


@pytest.mark.parametrize("part", [blocks, headings, links], ids=lambda part: part.__name__)
def test_the_readmes_have_the_same(part: Callable[[Path], list[object]]) -> None:
    assert part(CHINESE) == part(ENGLISH)


def test_the_tables_of_the_readmes_have_the_same_rows_and_first_cells() -> None:
    english, chinese = rows(ENGLISH), rows(CHINESE)

    for row, twin in zip(english, chinese, strict=False):
        assert len(twin) == len(row), row
        assert unwritten(twin[0]) == unwritten(row[0]), row
    assert len(chinese) == len(english)


def test_each_line_of_the_readmes_has_the_same_code_and_figures() -> None:
    english, chinese = lines(ENGLISH)[2:], lines(CHINESE)[2:]

    for line, twin in zip(english, chinese, strict=False):
        assert sorted(CODE.findall(twin)) == sorted(CODE.findall(line)), f"{line}\n{twin}"
        assert figures(twin) == figures(line), f"{line}\n{twin}"
    assert len(chinese) == len(english)
