"""The rules of the design, as tests: who may import whom, how long a file may be, what the README's tree names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.http import problems

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "models", "shared", "worker")
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
    "client/scriptqueue/schemas.py": "every public shape on one page, most of it field descriptions"
}
HEAVY = {"torch", "transformers", "accelerate", "bitsandbytes", "llguidance", "safetensors"}
MAY_IMPORT = {
    "shared": {"shared"},
    "models": {"models", "shared"},
    "worker": {"worker", "models", "shared"},
    "api": {"api", "shared"},
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


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_imports_only_packages_below_it(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]

    assert tops(path) & set(PACKAGES) <= MAY_IMPORT[package]


@pytest.mark.parametrize("package", ["api", "shared", "worker/script"])
def test_no_heavy_package_is_named_where_no_model_is(package: str) -> None:
    assert {name_of(path): tops(path) & HEAVY for path in (ROOT / package).rglob("*.py") if tops(path) & HEAVY} == {}


def test_shared_knows_no_web_framework() -> None:
    named = {name for path in (ROOT / "shared").glob("*.py") for name in tops(path)}

    assert not {"fastapi", "starlette", "uvicorn"} & named


def test_the_engine_knows_no_jobs_no_redis_and_no_celery() -> None:
    allowed = ("worker.engine", "shared.errors", "scriptqueue.schemas")
    for path in (ROOT / "worker" / "engine").glob("*.py"):
        ours = [name for name in imports(path) if name.partition(".")[0] in PACKAGES]
        assert all(name.startswith(allowed) for name in ours), (path, ours)
        assert not tops(path) & {"redis", "celery", "kombu"}


def test_the_api_and_flowers_app_load_no_torch() -> None:
    code = "import api.app, worker.app, sys; sys.exit(int(bool({'torch', 'transformers'} & sys.modules.keys())))"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_sender_of_webhooks_loads_no_torch_no_celery_and_no_web_framework() -> None:
    heavy = {"torch", "transformers", "celery", "kombu", "fastapi"}
    code = f"import worker.webhooks.__main__, sys; print(*({heavy} & sys.modules.keys()))"

    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == ""


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_is_short_and_says_what_it_owns(path: Path) -> None:
    if path.name == "__init__.py":
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
