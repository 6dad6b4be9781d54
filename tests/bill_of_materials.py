"""What each image of Dockerfile.gpu installs, as a CycloneDX document: every package in its version, and who needs it.

uv resolves what the image asks for, for the image's Python and platform whatever this machine is; cyclonedx-python-lib
writes it down. Knows the Dockerfile's own lines, so that there is one list. Licences and hashes are not in it: a
resolution reads neither, and whoever reads the document finds both by a package's name and version.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PLATFORM = "x86_64-manylinux_2_40"  # what the base image, Debian 13, can run


@dataclass(frozen=True, slots=True)
class Image:
    name: str
    requirements: tuple[str, ...]
    python: str  # "3.12"


def images(root: Path) -> list[Image]:
    """The images of Dockerfile.gpu; a line that is not as it was raises."""
    text = (root / "Dockerfile.gpu").read_text()
    (python,) = re.findall(r"^ARG PYTHON=python:(\d+\.\d+)", text, re.MULTILINE)
    (named,) = re.findall(r"^named = (\{.+\}); \\$", text, re.MULTILINE)
    of_both = re.findall(r"pip install ([\w-]+==\S+)$", text, re.MULTILINE)
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [
        Image(name, (*of_both, *project["dependencies"], *(one for extra in of for one in extras[extra])), python)
        for name, of in ast.literal_eval(named).items()
    ]


def resolved(image: Image, constraints: Path) -> dict[str, tuple[str, set[str]]]:
    """By package: its version, and the packages that need it."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-header", "--no-config", "-c", str(constraints)]
    target = ["--python-version", image.python, "--python-platform", PLATFORM, "--only-binary", ":all:"]
    resolution = subprocess.run(
        [*command, *target, "-"], input="\n".join(image.requirements), stdout=subprocess.PIPE, text=True, check=True
    )
    packages: dict[str, tuple[str, set[str]]] = {}
    for line in resolution.stdout.splitlines():
        if found := re.fullmatch(r"([\w.-]+)==(\S+)", line):
            needed_by: set[str] = set()
            packages[found[1]] = (found[2], needed_by)
        elif (who := line.strip(" #").removeprefix("via").strip()) and not who.startswith("-c "):
            needed_by.add(who)
    return packages


def bill_of(image: Image, root: Path, *, version: str, epoch_s: int) -> str:
    """The CycloneDX document of an image. JSON."""
    packages = resolved(image, root / "constraints.txt")
    ours = Component(
        name=f"scriptqueue-{image.name}",
        version=version,
        type=ComponentType.CONTAINER,
        bom_ref=f"scriptqueue-{image.name}",
        licenses=[LicenseExpression("Apache-2.0")],
    )
    components = {}
    for name, (number, _) in packages.items():
        url = PackageURL("pypi", name=name, version=number)
        components[name] = Component(
            name=name, version=number, type=ComponentType.LIBRARY, purl=url, bom_ref=url.to_string()
        )
    bom = Bom(components=components.values())
    bom.metadata.component = ours
    bom.metadata.timestamp = datetime.fromtimestamp(epoch_s, UTC)
    bom.serial_number = uuid5(NAMESPACE_URL, f"scriptqueue-{image.name}-{version}-{epoch_s}-{sorted(packages)}")
    bom.register_dependency(ours, [components[canonicalize_name(Requirement(one).name)] for one in image.requirements])
    for name, component in components.items():
        bom.register_dependency(component, [components[other] for other in packages if name in packages[other][1]])
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"
