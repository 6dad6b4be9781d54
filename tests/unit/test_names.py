"""One name, one thing: a public name is defined in one module, and a value is named for what it holds."""

from __future__ import annotations

import ast
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WINGS = ("api", "client", "models", "shared", "worker")
EVERY_MODULES_OWN = {"log", "router", "app", "main"}
ALLOWED = {
    "RULES": "each family's own, in models/families",
    "config": "each family's own, in models/families",
    **dict.fromkeys(("add_norm", "attend", "gate", "turn_and_keep"), "a kernel and its twin, in worker/engine/decode"),
}
NAMED_FOR_WHAT_THEY_HOLD = (*WINGS, "tests")
SAYS_NOTHING = {"told", "asked", "said"}  # of an answer, a record, an event or a message: which?
NO_CODE = {
    ".js": re.compile(r"""//.*|/\*[\s\S]*?\*/|`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""),
    ".lua": re.compile(r"""--.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""),
}
THE_APIS_OPERATIONS = "client/scriptqueue/calls.py"  # named as the API names them


def public_names(path: Path) -> Iterator[str]:
    """Of a module, without what a framework calls: an endpoint, a task."""
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ClassDef(name=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not _is_called_by_a_framework(node):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def _is_called_by_a_framework(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)
        for decorator in function.decorator_list
    )


def test_a_public_name_is_defined_in_one_place() -> None:
    homes = defaultdict(set)
    for path in (path for wing in WINGS for path in (ROOT / wing).rglob("*.py")):
        where = str(path.relative_to(ROOT))
        for name in public_names(path):
            if not name.startswith("_") and where != THE_APIS_OPERATIONS:
                homes[name].add(where)

    twice = {name: sorted(where) for name, where in homes.items() if len(where) > 1}

    assert len(homes) > 500
    assert {name: where for name, where in twice.items() if name not in {*EVERY_MODULES_OWN, *ALLOWED}} == {}
    assert sorted(name for name in ALLOWED if name not in twice) == []


def identifiers(path: Path) -> Iterator[str]:
    """Of a file's code. The name of a test is a sentence, and none of a value."""
    if path.suffix != ".py":
        yield from re.findall(r"[A-Za-z_]\w*", NO_CODE[path.suffix].sub(" ", path.read_text()))
        return
    before = ""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.NAME and not (before == "def" and token.string.startswith("test_")):
                yield token.string
            before = token.string


def words_of(identifier: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", identifier)}


@pytest.mark.parametrize("wing", NAMED_FOR_WHAT_THEY_HOLD)
def test_a_value_is_named_for_what_it_holds(wing: str) -> None:
    files = [path for path in sorted((ROOT / wing).rglob("*")) if path.suffix in {".py", *NO_CODE}]
    found = {path: set(identifiers(path)) for path in files}

    assert sum(map(len, found.values())) > 500
    named = {(str(path.relative_to(ROOT)), name) for path in files for name in found[path]}
    assert sorted((where, name) for where, name in named if words_of(name) & SAYS_NOTHING) == []


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("a.py", 'def test_it_is_told(): scene_told = Asked("said")  # told'),
        ("a.js", 'const sceneTold = new Asked("said", `told`); // told\n/* said */'),
        ("a.lua", "local scene_told = Asked('said') -- told"),
    ],
)
def test_only_names_in_code_are_looked_at(tmp_path: Path, file: str, code: str) -> None:
    (tmp_path / file).write_text(code)

    found = [name for name in identifiers(tmp_path / file) if words_of(name) & SAYS_NOTHING]

    assert found in (["scene_told", "Asked"], ["sceneTold", "Asked"])
