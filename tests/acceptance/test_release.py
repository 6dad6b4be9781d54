"""`make release` of what git tracks: what lies in dist/ afterwards, and the same bytes from a second run elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scriptqueue.version import VERSION
from tests.acceptance.packages import ROOT, copy_to
from tests.release import main

FILES = {
    "SHA256SUMS",
    f"scriptqueue-{VERSION}-api.cdx.json",
    f"scriptqueue-{VERSION}-notes.md",
    f"scriptqueue-{VERSION}-py3-none-any.whl",
    f"scriptqueue-{VERSION}-worker.cdx.json",
    f"scriptqueue-{VERSION}.tar.gz",
    f"scriptqueue_client-{VERSION}-py3-none-any.whl",
    f"scriptqueue_client-{VERSION}.tar.gz",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_to(tmp_path_factory.mktemp("checkout"))
    (root / "CHANGELOG.md").write_text(f"# Changelog\n\n## {VERSION} - 2026-11-26\n\nAll of it.\n")
    name = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    for command in (["init", "-q"], ["add", "-A"], [*name, "commit", "-q", "-m", "Release"]):
        subprocess.check_call(["git", *command], cwd=root)
    for setting in (("user.name", "Tester"), ("user.email", "tester@example.org")):
        subprocess.check_call(["git", "config", *setting], cwd=root)
    return root


@pytest.fixture(scope="module")
def dist(checkout: Path) -> Path:
    assert main(["--tag"], checkout) == 0
    return checkout / "dist"


def sums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_all_of_it_lies_in_dist_with_its_sum_and_the_commit_has_its_tag(dist: Path, checkout: Path) -> None:
    lines = [line.split("  ") for line in (dist / "SHA256SUMS").read_text().splitlines()]

    assert set(sums(dist)) == FILES
    assert {name: found for found, name in lines} == {
        name: found for name, found in sums(dist).items() if name != "SHA256SUMS"
    }
    assert (dist / f"scriptqueue-{VERSION}-notes.md").read_text() == f"# scriptqueue {VERSION}\n\nAll of it.\n"
    assert subprocess.check_output(["git", "tag", "--points-at", "HEAD"], cwd=checkout, text=True) == f"v{VERSION}\n"


def test_a_second_run_in_another_place_gives_the_same_bytes(dist: Path, checkout: Path, tmp_path: Path) -> None:
    """In another folder, zone and umask, in the hash order of another process, and with what uv fetched before."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(checkout, elsewhere, symlinks=True, ignore=shutil.ignore_patterns("dist"))
    code = "import sys; from pathlib import Path; from tests.release import main; sys.exit(main([], Path(sys.argv[1])))"
    subprocess.check_call(
        [sys.executable, "-c", code, str(elsewhere)],
        cwd=ROOT,
        env=os.environ | {"TZ": "Asia/Shanghai", "PYTHONHASHSEED": "7", "UV_OFFLINE": "1"},
        umask=0o077,
    )

    assert sums(elsewhere / "dist") == sums(dist)


def test_the_archives_hold_the_code_and_nobodys_name_or_time_of_day(dist: Path, checkout: Path) -> None:
    committed_s = int(subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=checkout))
    for sdist in dist.glob("*.tar.gz"):
        with tarfile.open(sdist) as archive:
            assert {(member.mtime, member.uid, member.uname) for member in archive.getmembers()} == {
                (committed_s, 0, "")
            }
            assert any(name.endswith("/scriptqueue/py.typed") for name in archive.getnames())
    with zipfile.ZipFile(dist / f"scriptqueue-{VERSION}-py3-none-any.whl") as wheel:
        assert sum(name.endswith(".lua") for name in wheel.namelist()) == len([*checkout.rglob("*.lua")])


@pytest.mark.parametrize(
    ("image", "own", "others"), [("api", "flower", "torch"), ("worker", "nvidia-cublas", "flower")]
)
def test_an_sbom_names_every_package_of_its_image_once_and_who_needs_it(
    image: str, own: str, others: str, dist: Path
) -> None:
    bill: dict[str, Any] = json.loads((dist / f"scriptqueue-{VERSION}-{image}.cdx.json").read_text())
    names = [component["name"] for component in bill["components"]]
    needs = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    reached, todo = set(), [bill["metadata"]["component"]["bom-ref"]]
    while todo:
        if (ref := todo.pop()) not in reached:
            reached.add(ref)
            todo += needs[ref]

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert len(names) == len(set(names)) > 50
    assert {own, "celery", "dumb-init"} <= set(names)
    assert others not in names
    assert reached == set(needs)
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line[0] != "#")
    assert {c["name"]: c["version"] for c in bill["components"] if c["name"] in pinned}.items() <= pinned.items()
