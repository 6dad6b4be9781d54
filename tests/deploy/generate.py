"""`python -m tests.deploy.generate`: writes what deploy/ holds twice, from the one place where it is said.

The chart says what runs on Kubernetes: its output with the defaults is the Kustomize base. shared/settings.py says what
a setting is: values.schema.json repeats it. A test holds both against what is written.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

from shared.settings import PREFIX, Settings, known_names
from tests.deploy.programs import CHART, ROOT, helm

KUSTOMIZE = ROOT / "deploy" / "kubernetes"
SCHEMA = CHART / "values.schema.json"
SECRET = "scriptqueue-secrets"
ALL = ",monitoring.enabled=true,keda.enabled=true"  # each a component of its own
_SOURCE = re.compile(r"^---\n# Source: scriptqueue/templates/(\w+)\.yaml\n", re.MULTILINE)
_ONLY_HELMS = re.compile(r"^ +annotations:\n( +checksum/\w+: \w+\n)+", re.MULTILINE)


def manifests() -> dict[Path, str]:
    """Kustomize names a ConfigMap by what it holds, so no checksum is wanted there; its settings are a plain file."""
    plain, with_all = (by_template(helm("--set", f"existingSecret={SECRET}{more}")) for more in ("", ALL))
    (settings,) = plain.pop("settings")
    data = yaml.safe_load(settings)["data"]
    found = {KUSTOMIZE / "base" / f"{template}.yaml": texts for template, texts in plain.items()}
    found |= {
        KUSTOMIZE / name / f"{name}.yaml": with_all[name] for name in with_all.keys() - plain.keys() - {"settings"}
    }
    return {
        **{path: "---\n".join(_ONLY_HELMS.sub("", text) for text in texts) for path, texts in found.items()},
        KUSTOMIZE / "base" / "settings.env": "".join(f"{name}={value}\n" for name, value in data.items()),
    }


def by_template(rendered: str) -> dict[str, list[str]]:
    _, *parts = _SOURCE.split(rendered)
    found = defaultdict(list)
    for template, text in zip(parts[::2], parts[1::2], strict=True):
        found[template].append(text.strip("\n") + "\n")
    return dict(found)


def schema() -> str:
    """The one that is there, with the settings as they are now."""
    written: dict[str, Any] = json.loads(SCHEMA.read_text())
    written["properties"]["settings"]["properties"] = settings_schema()
    return json.dumps(written, indent=2) + "\n"


def settings_schema() -> dict[str, Any]:
    """What each setting may be, by its name without the prefix."""
    definitions = Settings.model_json_schema()["$defs"]
    sections = {name: field.annotation.__name__ for name, field in Settings.model_fields.items() if field.annotation}
    found = {}
    for name in known_names():
        section, field = name.removeprefix(PREFIX).lower().split("__")
        described = definitions[sections[section]]["properties"][field]
        found[f"{section}__{field}".upper()] = {
            key: value for key, value in described.items() if key not in ("title", "default", "format", "writeOnly")
        }
    return found


def main() -> None:
    SCHEMA.write_text(schema())  # first: Helm holds the chart against it
    for path, text in manifests().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
