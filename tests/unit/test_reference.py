"""The tables of docs/ and of the README are the code's: each setting, error, model, request, field and figure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from api.http import problems
from api.http.advice import ADVICE
from api.wiring import create_app
from models.catalogue import CATALOGUE
from scriptqueue.cli.arguments import parser
from scriptqueue.schemas import JobRequest
from shared.repair_codes import REPAIR_ROWS
from shared.settings import Settings
from tests.bench.__main__ import BY_NAME, PARTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
FIGURES: dict[str, dict[str, Any]] = json.loads((ROOT / "bench/results/summary.json").read_text())["figures"]


def rows(document: Path, first: str) -> list[list[str]]:
    """The rows of the table whose first head is `first`."""
    _, found, rest = document.read_text().partition(f"\n| {first} |")
    assert found, f"{document.name} has no table that begins with {first}"
    lines = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def settings_of_the_code() -> Iterator[list[str]]:
    for section, group in Settings.model_fields.items():
        for leaf, field in group.annotation.model_fields.items():  # type: ignore[union-attr]
            default = getattr(field.default, "get_secret_value", lambda default=field.default: default)()
            words = str(default).lower() if isinstance(default, bool) else str(default)
            shown = "" if default is None or words == "" else f"`{words}`"
            yield [f"`{section}__{leaf}`".upper(), shown, field.description]


def test_docs_settings_has_every_setting_with_its_default_and_meaning() -> None:
    assert rows(DOCS / "settings.md", "setting") == list(settings_of_the_code())


def test_every_setting_that_the_readme_names_is_one() -> None:
    named = set(re.findall(r"\b[A-Z]+__[A-Z_]+\b", (ROOT / "README.md").read_text()))

    assert len(named) > 5
    assert sorted(named - {row[0].strip("`") for row in settings_of_the_code()}) == []


def test_docs_errors_has_every_code_with_its_status_and_meaning() -> None:
    documented = {(status, code.strip("`"), words) for status, code, words in rows(DOCS / "errors.md", "status")}

    catalogue = problems.catalogue().values()
    assert documented == {(str(one.status or "in a job"), one.code, one.title) for one in catalogue}


def test_docs_errors_calls_each_code_in_chinese_as_the_service_does() -> None:
    documented = {code.strip("`"): words for _, code, words in rows(DOCS / "zh/errors.md", "状态")}

    assert documented == {code: ADVICE[code].title_zh for code in problems.catalogue()}


def test_docs_errors_has_every_repair() -> None:
    assert rows(DOCS / "errors.md", "repair") == [[f"`{row.code}`", row.sentence] for row in REPAIR_ROWS]


def test_docs_models_has_every_model_of_the_catalogue() -> None:
    documented = {row[0].strip("`"): row[2:] for row in rows(DOCS / "models.md", "`MODEL__NAME`")}

    def memory(model: Any) -> str:
        return " / ".join(f"{model.parameters.memory_bytes(bits) / 1e9:.1f}" for bits in (16, 8, 4)) + " GB"

    assert documented == {
        model.name: [memory(model), str(model.context_tokens), model.languages, model.licence] for model in CATALOGUE
    }


def test_docs_api_has_every_request_that_the_api_takes() -> None:
    first_cells = " ".join(row[0] for row in rows(DOCS / "api.md", "request"))
    named = set(re.findall(r"(/[^\s?`]*)", first_cells))
    served = {re.sub(r"\{\w*id\}", "{id}", path) for path in create_app(Settings()).openapi()["paths"]}

    assert sorted(served - named) == []


def test_docs_api_has_every_field_of_a_request() -> None:
    named = [name for row in rows(DOCS / "api.md", "field") for name in re.findall(r"`(\w+)`", row[0])]

    assert sorted(named) == sorted(JobRequest.model_fields)


@pytest.mark.parametrize(
    "document",
    [*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_command_within_a_sentence_is_one(document: Path) -> None:
    """Blocks are typed (tests/acceptance/test_documents.py); these are known by their first words and their options."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    _, commands = parser()
    for line in re.findall(r"`(?:[A-Z_]+=\S+ )*((?:make|scriptqueue|python -m) [^`\n]+)`", text):
        program, name, *words = line.removeprefix("python ").split()
        if program == "make":
            assert name in TARGETS, line
            assert name != "bench" or {word.removeprefix("ARGS=") for word in words} <= {*PARTS, *BY_NAME}, line
        elif program == "-m":
            assert find_spec(name), line
        elif name not in {"COMMAND", "--help", "worker:"}:  # of any of them, of all; what a worker prints
            options = commands[name].format_help()
            assert not [
                word for word in words if word.strip("[]").startswith("--") and word.strip("[]") not in options
            ], line


@pytest.mark.parametrize("document", [DOCS / "quality.md", DOCS / "zh/quality.md"], ids=lambda path: path.parent.name)
@pytest.mark.parametrize("run", ["quality.md", "quality-before.md"])
def test_the_boards_that_a_document_shows_are_those_of_the_run(document: Path, run: str) -> None:
    boards = (ROOT / "bench/results" / run).read_text().partition("none was chosen.")[2]
    scenes = [line for line in boards.splitlines() if re.match(r"\d+\. ", line)]

    assert scenes
    assert not [scene for scene in scenes if scene not in document.read_text()]


@pytest.mark.parametrize("document", [ROOT / "README.md", DOCS / "performance.md"], ids=lambda path: path.name)
def test_a_figure_that_a_document_names_is_the_measured_one(document: Path) -> None:
    """As exact as it is written: the last digit may be rounded."""
    seen = 0
    for line in document.read_text().splitlines():
        cells = line.strip("|").split("|")
        name = re.search(rf"`({'|'.join(FIGURES)})`", cells[0])
        if not (line.startswith("| ") and name):
            continue
        seen += 1
        numbers = [found for cell in cells[1:] if (found := re.match(r" *(\d+(?:\.\d+)?)\b", cell))]
        figure = FIGURES[name[1]]
        for shown, of in zip((found[1] for found in numbers), ("value", "baseline", "ratio"), strict=True):
            last_place = 10.0 ** -len(shown.partition(".")[2])
            assert abs(float(shown) - figure[of]) <= last_place / 2 + 1e-9, f"{name[1]}: {shown} is not {figure[of]}"
    assert seen >= 4
