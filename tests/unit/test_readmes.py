"""The README and each document of docs/ say the same in English and in Chinese: who changes one changes its twin.

The words are free. Code, commands, links, rows and figures are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAIRS = {ROOT / "README.md": ROOT / "README.zh.md"} | {
    path: path.parent / "zh" / path.name for path in sorted(ROOT.glob("docs/*.md"))
}
ENGLISH_OF = {chinese: english for english, chinese in PAIRS.items()}

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
CODE = re.compile(r"`[^`]+`|\{\w+\}")
ITS_OWN = re.compile(r"[#|]|[-*] |\d+\. ")  # what begins a line that goes on with none above it

each_pair = pytest.mark.parametrize(
    ("english", "chinese"), PAIRS.items(), ids=[path.relative_to(ROOT).as_posix() for path in PAIRS]
)


def prose(document: Path) -> str:
    return FENCED.sub("", document.read_text())


def blocks(document: Path) -> list[tuple[str, list[str]]]:
    """Language and lines of each. In one of no language a line that begins with a file of ours tells of it in words."""
    return [
        (language, text.splitlines() if language else [first_file(line) or line for line in text.splitlines()])
        for language, text in FENCED.findall(document.read_text())
    ]


def first_file(line: str) -> str:
    word = line.partition(" ")[0]
    return word if word and (ROOT / word).exists() else ""


def headings(document: Path) -> list[int]:
    return [len(marks) for marks, _ in HEADING.findall(prose(document))]


def anchors(document: Path) -> list[str]:
    """What a link may name after `#`, by the places of the headings."""
    return [re.sub(r"[^\w -]", "", words.lower()).replace(" ", "-") for _, words in HEADING.findall(prose(document))]


def links(document: Path) -> list[str]:
    """Each with the English twin of its document in that one's place, and the place of a heading in its anchor's."""
    return sorted(map(str, (target(document, link) for link in LINK.findall(prose(document)))))


def target(document: Path, link: str) -> str | tuple[Path, int]:
    if link.startswith("http"):
        return link
    path, _, anchor = link.partition("#")
    file = (document.parent / path).resolve() if path else document
    english = ENGLISH_OF.get(file, file)
    assert file.exists(), f"{document.name}: {link}"
    if not anchor:
        return english, 0
    assert anchor in anchors(file), f"{document.name}: {link}"
    return english, anchors(file).index(anchor)


def passages(document: Path) -> list[str]:
    """A heading, a paragraph, an item or a row each, however many lines it is written in."""
    parts: list[str] = []
    goes_on = False
    for line in map(str.strip, prose(document).splitlines()):
        if goes_on and line and not ITS_OWN.match(line):
            parts[-1] += f" {line}"
        elif line:
            parts.append(line)
        goes_on = bool(line) and line[0] not in "#|"
    return parts


def rows(document: Path) -> list[list[str]]:
    return [[cell.strip() for cell in part.strip("|").split("|")] for part in passages(document) if part[0] == "|"]


def figures(text: str) -> list[str]:
    return sorted(re.findall(r"\d++(?:[.,]\d++)*+(?! 月)", LINK.sub("]", text)))  # months have names in English


def unwritten(cell: str) -> str | list[str]:
    """What a first cell must share with its twin: all of it, or, where it holds words or code, the code."""
    return sorted(CODE.findall(cell)) if re.search(r"[^\W\d_]", cell) else cell


def test_every_document_has_its_twin() -> None:
    english, chinese = ({path.stem for path in ROOT.glob(f"docs/{where}*.md")} for where in ("", "zh/"))

    assert chinese == english


@each_pair
def test_each_links_to_the_other_in_its_second_line(english: Path, chinese: Path) -> None:
    first, second = (document.read_text().splitlines()[1] for document in (english, chinese))

    assert (first, second) == (
        f"[中文]({chinese.relative_to(english.parent)})",
        f"[English]({english.name})" if english.parent == chinese.parent else f"[English](../{english.name})",
    )


@each_pair
def test_each_sends_on_to_its_own_language(english: Path, chinese: Path) -> None:
    for document, others in ((english, ENGLISH_OF), (chinese, PAIRS)):
        _, _, text = prose(document).partition(")")  # of the second line
        paths = [(document.parent / link.partition("#")[0]).resolve() for link in LINK.findall(text) if link[0] != "#"]
        assert [path for path in paths if path in others] == []


@each_pair
@pytest.mark.parametrize("part", [blocks, headings, links], ids=lambda part: part.__name__)
def test_both_have_the_same(english: Path, chinese: Path, part: Callable[[Path], list[object]]) -> None:
    assert part(chinese) == part(english)


@each_pair
def test_the_tables_have_the_same_rows_and_first_cells(english: Path, chinese: Path) -> None:
    theirs, ours = rows(english), rows(chinese)

    for row, twin in zip(theirs, ours, strict=False):
        assert len(twin) == len(row), row
        assert unwritten(twin[0]) == unwritten(row[0]), row
    assert len(ours) == len(theirs)


@each_pair
def test_each_passage_has_the_same_code_and_figures(english: Path, chinese: Path) -> None:
    theirs, ours = passages(english)[1:], passages(chinese)[1:]

    for passage, twin in zip(theirs, ours, strict=False):
        assert sorted(CODE.findall(twin)) == sorted(CODE.findall(passage)), f"{passage}\n{twin}"
        assert figures(twin) == figures(passage), f"{passage}\n{twin}"
    assert len(ours) == len(theirs)
