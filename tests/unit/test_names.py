"""One name, one thing: what a module offers to others is defined nowhere else."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WINGS = ("api", "client", "models", "shared", "worker")
EVERY_MODULES_OWN = {"log", "router", "app", "main"}
ALLOWED = {
    "RULES": "each family's own, in models/families",
    "config": "each family's own, in models/families",
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
