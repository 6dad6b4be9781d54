"""What keeps a checkout from being a release, and the notes of one that is. Wheels, sums and SBOMs:
tests/acceptance/test_release.py."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.bill_of_materials import images
from tests.release import NotARelease, main, notes_of

ROOT = Path(__file__).parents[2]
CHANGELOG = (
    "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-11-01\n\nMore.\n\n## 1.2.0.1 - 2026-10-01\n\n## 0.9.0\n\nOld.\n"
)


def commit(root: Path, message: str) -> None:
    name = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    subprocess.check_call(["git", *name, "commit", "-q", "--allow-empty", "-m", message], cwd=root)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "client" / "scriptqueue").mkdir(parents=True)
    (tmp_path / "client" / "scriptqueue" / "version.py").write_text('VERSION = "1.2.0"\n')
    subprocess.check_call(["git", "init", "-q"], cwd=tmp_path)
    subprocess.check_call(["git", "add", "-A"], cwd=tmp_path)
    commit(tmp_path, "Release 1.2.0")
    return tmp_path


def tag(root: Path, name: str) -> None:
    subprocess.check_call(["git", "tag", name], cwd=root)


@pytest.mark.parametrize(("version", "notes"), [("1.2.0", "More."), ("0.9.0", "Old.")])
def test_the_notes_are_the_versions_own_section(version: str, notes: str, checkout: Path) -> None:
    tag(checkout, f"v{version}")  # of this very commit

    assert notes_of(checkout, version) == f"# scriptqueue {version}\n\n{notes}\n"


@pytest.mark.parametrize("version", ["1.3.0", "1.2", "1.2.0.1", "1x2.0", "Unreleased"])
def test_a_version_without_a_section_or_with_an_empty_one_is_none(version: str, checkout: Path) -> None:
    with pytest.raises(NotARelease, match=f"no section for {version}"):
        notes_of(checkout, version)


@pytest.mark.parametrize("changed", ["CHANGELOG.md", "new.py"])
def test_a_changed_or_a_new_file_is_in_the_way(changed: str, checkout: Path) -> None:
    (checkout / changed).write_text(CHANGELOG + "\n")

    with pytest.raises(NotARelease, match="not clean: 1 files"):
        notes_of(checkout, "1.2.0")


def test_a_tag_of_another_commit_is_in_the_way(checkout: Path) -> None:
    tag(checkout, "v1.2.0")
    commit(checkout, "One more")

    with pytest.raises(NotARelease, match=r"v1\.2\.0 is of another commit"):
        notes_of(checkout, "1.2.0")


def test_what_no_version_tells_keeps_a_commit_from_its_tag(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "CHANGELOG.md").write_text(CHANGELOG.replace("## Unreleased\n", "## Unreleased\n\n- Not yet.\n"))

    assert main(["--tag"], checkout) == 1
    assert "under Unreleased" in capsys.readouterr().err
    assert not subprocess.check_output(["git", "tag"], cwd=checkout)


def test_the_images_of_an_sbom_are_those_of_the_dockerfile() -> None:
    found = {image.name: image for image in images(ROOT)}

    assert set(found) == {"api", "worker"}
    assert {image.python for image in found.values()} == {"3.12"}
    for name, own, others in [("api", "flower", "torch"), ("worker", "torch", "flower")]:
        names = [one.partition(">")[0].partition("=")[0].partition("[")[0] for one in found[name].requirements]
        assert {"dumb-init", "celery", own} <= set(names)
        assert others not in names
