"""Helm and Kustomize: missing, skipped at a desk and failed in CI."""

from __future__ import annotations

import os

import pytest

from tests.deploy.manifests import RENDERINGS, Resource
from tests.deploy.programs import NoProgram, helm, kustomize


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        helm("--set", "existingSecret=x")
        folder = tmp_path_factory.mktemp("kustomize")
        (folder / "kustomization.yaml").write_text("namespace: x\nresources: []\n")
        kustomize(folder)
    except NoProgram as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))


@pytest.fixture(scope="session")
def renderings(programs: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Resource]]:
    return {name: render(tmp_path_factory.mktemp("rendering")) for name, render in RENDERINGS.items()}


@pytest.fixture(params=RENDERINGS)
def rendered(request: pytest.FixtureRequest, renderings: dict[str, list[Resource]]) -> list[Resource]:
    return renderings[request.param]
