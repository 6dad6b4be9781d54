"""What the documents name is there: each file by its path, each class of the glossary and of the structures."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")] if path.name != "CHANGELOG.md")
WINGS = ("api", "client", "models", "shared", "worker")
A_PATH = re.compile(rf"`((?:{'|'.join((*WINGS, 'tests', 'bench', 'docs'))})/[\w./-]+)`")
A_CLASS = re.compile(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)*)(?:s)?`")
TO_BE_MADE = re.compile(r"NAME|/models/|gpu-<card>")


def classes() -> set[str]:
    return {
        node.name
        for wing in WINGS
        for path in (ROOT / wing).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    named = [path for path in A_PATH.findall(document.read_text()) if not TO_BE_MADE.search(path)]

    assert sorted({path for path in named if not (ROOT / path).exists()}) == []


@pytest.mark.parametrize("name", ["glossary.md", "structures.md"])
def test_every_class_of_a_page_of_words_is_one_of_the_code(name: str) -> None:
    named = set(A_CLASS.findall((ROOT / "docs" / name).read_text()))

    assert len(named) > 15
    assert sorted(named - classes()) == []
