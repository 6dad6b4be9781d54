"""One version: the code's, which the package, the API's description and the changelog's newest release repeat."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

from api.wiring import create_app
from scriptqueue.version import VERSION
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


def sections() -> list[str]:
    return SECTION.findall((ROOT / "CHANGELOG.md").read_text())


def test_the_package_takes_its_version_from_the_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "scriptqueue.version.VERSION"}


def test_the_apis_description_names_the_version() -> None:
    assert create_app(Settings()).version == VERSION


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    unreleased, newest, *_ = sections()
    number, _, day = newest.partition(" - ")

    assert unreleased == "Unreleased"
    assert number == VERSION
    assert date.fromisoformat(day)


def test_the_releases_of_the_changelog_are_in_order_the_newest_first() -> None:
    releases = [section.split(" - ") for section in sections()[1:]]
    numbers = [tuple(map(int, number.split("."))) for number, _ in releases]

    assert numbers == sorted(set(numbers), reverse=True)
    assert [day for _, day in releases] == sorted((day for _, day in releases), reverse=True)
