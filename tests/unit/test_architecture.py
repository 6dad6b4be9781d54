"""The rules of the design, as tests: who may import whom, how long a file may be, what the README's tree names."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.http import problems

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "client", "models", "shared", "worker")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TEXTS = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
]
MAX_LINES = 300
LONGER: dict[str, str] = {
    "shared/settings.py": "every setting of every process on one page",
    "client/scriptqueue/schemas.py": "every public shape on one page, most of it field descriptions",
    "shared/errors.py": "every error that is raised on purpose in one tree",
}
HEAVY = {"torch", "transformers", "accelerate", "bitsandbytes", "llguidance", "safetensors"}
OURS = {"api", "models", "scriptqueue", "shared", "worker"}
SHAPES = ("scriptqueue.schemas", "shared", "shared.errors")  # `shared`: its plain values, without the wings below
FIELDS = ("scriptqueue.scene_fields", "scriptqueue.further_fields")
# What each wing may import besides itself. A module belongs to the longest name that it begins with.
WINGS: dict[str, tuple[str, ...]] = {
    "scriptqueue": ("scriptqueue.schemas", "scriptqueue.responses", "scriptqueue.proxies", "scriptqueue.version"),
    "scriptqueue.version": (),
    "scriptqueue.command": ("scriptqueue.cli",),
    "scriptqueue.proxies": (),
    "scriptqueue.scene_fields": ("scriptqueue.schemas", "scriptqueue.camera"),
    "scriptqueue.further_fields": ("scriptqueue.schemas", "scriptqueue.scene_fields"),
    "scriptqueue.camera": ("scriptqueue.schemas",),
    "scriptqueue.text_layout": (),
    "scriptqueue.schemas": (),
    "scriptqueue.responses": ("scriptqueue.schemas",),
    "scriptqueue.cli": (
        "scriptqueue",
        "scriptqueue.schemas",
        *FIELDS,
        "scriptqueue.responses",
        "scriptqueue.text_layout",
    ),
    "shared": ("scriptqueue.schemas", "shared.errors", "shared.board"),
    "shared.errors": (),
    "shared.repair_codes": ("scriptqueue.schemas",),
    "shared.board": ("scriptqueue.schemas", *FIELDS, "shared.errors", "shared.repair_codes"),
    "shared.board.exports": (
        *("scriptqueue.schemas", *FIELDS, "scriptqueue.text_layout"),
        "shared.board",
    ),
    "shared.store": (*SHAPES, "shared.store.connection", "shared.repair_codes"),
    "shared.store.connection": ("shared", "shared.errors", "shared.store"),
    "shared.broker": (*SHAPES, "shared.store.connection"),  # for Redis's errors as ours
    "models": ("shared", "shared.errors"),
    "worker.engine": ("worker.engine.layout", "shared.errors"),
    "worker.engine.layout": (),  # data: what writes a schema says what the engine must know of it
    "worker.script": (
        *("scriptqueue.schemas", "scriptqueue.scene_fields", "scriptqueue.camera"),
        *("shared.errors", "shared.board", "worker.engine.layout"),
    ),
    "worker.webhooks": (*SHAPES, "worker", "shared.store", "shared.store.connection"),
    "worker.backend": (
        *(*SHAPES, *FIELDS, "shared.board", "shared.store"),
        *("models", "worker", "worker.engine", "worker.script"),
    ),
    "worker": (
        *(*SHAPES, "scriptqueue.further_fields", "shared.store", "shared.store.connection", "shared.broker"),
        *("models", "worker.backend", "worker.script"),
    ),
    "api.http": (*SHAPES, "scriptqueue.responses", "shared.store", "shared.store.connection", "api"),
    "api.routes": (
        *(*SHAPES, *FIELDS, "scriptqueue.responses"),
        *("shared.board", "shared.board.exports", "shared.repair_codes", "shared.store", "api", "api.http"),
    ),
    "api.stack": ("scriptqueue", "scriptqueue.cli", "models", *SHAPES),
    "api": (
        *(*SHAPES, "shared.store", "shared.store.connection"),
        *("shared.broker", "api.http", "api.routes", "scriptqueue.proxies", "scriptqueue.version"),
    ),
}
NEVER = {  # other people's packages
    "scriptqueue": {"fastapi", "starlette", "uvicorn", "redis", "celery", "kombu"},
    "shared": {"fastapi", "starlette", "uvicorn"},
    "worker.engine": {"redis", "celery", "kombu"},
    "worker.webhooks": {"celery", "kombu", "fastapi"},
}
FACE = "client/scriptqueue/__init__.py"  # what users import; every other package is a folder and no more
OLD_NAMES = {  # thin files that only tools import: each may name where its contents live now
    "api/cli.py": {"scriptqueue.cli", "api"},
    "api/client.py": {"scriptqueue"},
    "shared/schemas.py": {"scriptqueue.schemas"},
    "worker/writer.py": {"worker.backend"},
    "worker/model_writer.py": {"worker.backend"},
    "worker/script/camera.py": {"scriptqueue.camera"},
}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, also within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "client" if path.is_relative_to(ROOT / "client") else ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def wing_of(module: str) -> str:
    return max((wing for wing in WINGS if f"{module}.".startswith(f"{wing}.")), key=len)


def wings_of(path: Path) -> set[str]:
    """Of the project's modules that a file imports, names in `from package import module` among them."""
    wings = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [name.name for name in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        wings |= {wing_of(name) for name in names if name.partition(".")[0] in OURS}
    return wings


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_imports_only_wings_below_its_own(path: Path) -> None:
    wing = wing_of(module_of(path))

    assert wings_of(path) - {wing, *WINGS[wing], *OLD_NAMES.get(name_of(path), ())} == set()


def test_no_wing_may_import_what_it_does_not() -> None:
    used = {(wing_of(module_of(path)), wing) for path in SOURCES for wing in wings_of(path)}

    assert [(wing, other) for wing in WINGS for other in WINGS[wing] if (wing, other) not in used] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_wing_knows_nothing_of_packages_that_are_not_its_business(path: Path) -> None:
    forbidden = {
        name for wing, names in NEVER.items() if f"{module_of(path)}.".startswith(f"{wing}.") for name in names
    }

    assert tops(path) & forbidden == set()


def test_the_product_uses_no_old_name() -> None:
    old = {module_of(ROOT / name) for name in OLD_NAMES}
    users = {name_of(path) for path in SOURCES if old & set(imports(path))}

    assert users == set()


@pytest.mark.parametrize("package", ["api", "client", "shared", "worker/script"])
def test_no_heavy_package_is_named_where_no_model_is(package: str) -> None:
    assert {name_of(path): tops(path) & HEAVY for path in (ROOT / package).rglob("*.py") if tops(path) & HEAVY} == {}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_is_short_and_says_what_it_owns(path: Path) -> None:
    if path.name == "__init__.py" and name_of(path) != FACE:
        assert path.read_text() == ""
        return
    assert ast.get_docstring(ast.parse(path.read_text()))
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_LINES or name_of(path) in LONGER
    assert path.stem not in {"utils", "helpers", "common", "base"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_code_of_a_checkpoint_is_ever_run(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
        if isinstance(node, ast.keyword) and node.arg == "weights_only":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is True
    assert "pickle" not in tops(path)


def test_settings_are_read_in_one_place_only() -> None:
    readers = {
        name_of(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("SCRIPTQUEUE_")
    }

    assert readers <= {"shared/settings.py", "client/scriptqueue/cli/main.py", "client/scriptqueue/client.py"}


def test_every_error_code_has_a_status() -> None:
    assert set(problems.catalogue()) == set(problems.STATUS)


def test_every_file_of_the_readmes_tree_exists_and_every_folder_is_in_it() -> None:
    readme = (ROOT / "README.md").read_text()
    tree = readme.split("## Files")[1].split("```")[1]
    named = re.findall(r"^([\w./-]+)", tree, re.MULTILINE)

    assert [name for name in named if not (ROOT / name).exists()] == []
    folders = {f"{path.parent.relative_to(ROOT)}/" for path in SOURCES}
    assert sorted(folder for folder in folders if folder not in named) == []


@pytest.mark.parametrize("path", [path for path in TEXTS if path.is_file()], ids=name_of)
def test_no_file_names_this_machine(path: Path) -> None:
    text = path.read_bytes().decode(errors="replace")

    assert not re.search(r"(?<![\w.])/(root|work|home/\w+)/", text.replace("/home/user/", ""))


def test_every_test_file_has_a_name_of_its_own() -> None:
    """pytest's collection of the whole suite stops at two of one name, and one file alone does not show it."""
    names = [path.name for path in TEXTS if path.name.startswith("test_") and path.suffix == ".py" and path.exists()]

    assert sorted({name for name in names if names.count(name) > 1}) == []
