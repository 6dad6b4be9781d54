"""What deploy/ renders, by name, and what a rendering says of pods. Knows Kubernetes' shapes, no setting's meaning."""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.generate import KUSTOMIZE
from tests.deploy.programs import CHART, helm, kustomize

Resource = dict[str, Any]

PASSWORD = "p@ss:w/rd #1 $x $(HOME) 'y' \"z\""
CPU = ("-f", str(CHART / "values-cpu.yaml"))
ALL = ("--set", "monitoring.enabled=true,keda.enabled=true")
VOLUMES = {  # of the restricted standard
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
}
SECRETS = f"SCRIPTQUEUE_REDIS__PASSWORD={PASSWORD}\nSCRIPTQUEUE_FLOWER__PASSWORD=f\n"


def documents(text: str) -> list[Resource]:
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def of_chart(folder: Path, *arguments: str, **values: Any) -> list[Resource]:
    """With its two passwords, unless `values` has its own of the same names."""
    passwords = {"REDIS__PASSWORD": PASSWORD, "FLOWER__PASSWORD": "f"}
    given = {**values, "settings": {**passwords, **values.get("settings", {})}}
    (folder / "values.json").write_text(json.dumps(given))
    return documents(helm(*arguments, "-f", str(folder / "values.json")))


def of_kustomize(folder: Path, *components: str, settings: str = "", secrets: str = SECRETS) -> list[Resource]:
    """The example as somebody copies it, with these files and components."""
    shutil.copytree(KUSTOMIZE, folder / "kubernetes", dirs_exist_ok=True)
    example = folder / "kubernetes" / "example"
    (example / "settings.env").write_text((example / "settings.env").read_text() + settings)
    (example / "secrets.env").write_text(secrets)
    if components:
        named = ", ".join(f"../{name}" for name in components)
        with (example / "kustomization.yaml").open("a") as file:
            file.write(f"components: [{named}]\n")
    return documents(kustomize(example))


def alike(resources: list[Resource]) -> list[Resource]:
    """Without what the chart and Kustomize each name in a way of their own."""
    text = re.sub(r"(scriptqueue-(?:settings|secrets))-[a-z0-9]{10}", r"\1", json.dumps(resources))
    found: list[Resource] = json.loads(
        re.sub(r'"(?:registry.example/)?(scriptqueue-[a-z-]+):[a-z0-9.]+"', r'"\1"', text)
    )
    for resource in found:
        resource["metadata"].pop("namespace", None)
        if "template" in resource.get("spec", {}):
            resource["spec"]["template"]["metadata"].pop("annotations", None)
    return found


def one(resources: list[Resource], kind: str, name: str) -> Resource:
    """`name` without `scriptqueue-` and without the end that Kustomize gives what it generates."""
    (found,) = (
        resource
        for resource in resources
        if resource["kind"] == kind and resource["metadata"]["name"].startswith(f"scriptqueue-{name}")
    )
    return found


def pods(resources: list[Resource]) -> Iterator[tuple[str, Resource]]:
    """Name and spec of each."""
    for resource in resources:
        if "template" in resource.get("spec", {}):
            yield resource["metadata"]["name"], resource["spec"]["template"]["spec"]


def containers(pod: Resource) -> list[Resource]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


def environment(resources: list[Resource]) -> dict[str, str]:
    """What `envFrom` hands to each container of ours."""
    return {
        **one(resources, "ConfigMap", "settings")["data"],
        **one_secret(resources),
    }


def one_secret(resources: list[Resource]) -> dict[str, str]:
    secret = one(resources, "Secret", "secrets")
    encoded = {name: b64decode(value).decode() for name, value in secret.get("data", {}).items()}
    return {**encoded, **secret.get("stringData", {})}


def beyond_restricted(pod: Resource) -> list[str]:
    """What Kubernetes' restricted pod security would refuse, and what we ask for besides: a read-only root, a user by
    number and no token."""
    security = pod.get("securityContext", {})
    found = [name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    found += [f"volume {volume['name']}" for volume in pod.get("volumes", ()) if not volume.keys() & VOLUMES]
    if pod.get("automountServiceAccountToken") is not False:
        found.append("automountServiceAccountToken")
    for container in containers(pod):
        own = {**security, **container.get("securityContext", {})}
        wrong = {
            "runAsNonRoot": own.get("runAsNonRoot") is not True,
            "runAsUser": not isinstance(own.get("runAsUser"), int) or not own["runAsUser"],
            "seccompProfile": own.get("seccompProfile") != {"type": "RuntimeDefault"},
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
            "privileged": bool(own.get("privileged")),
            "capabilities": own.get("capabilities") != {"drop": ["ALL"]},
            "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is not True,
            "hostPort": any("hostPort" in port for port in container.get("ports", ())),
        }
        found += [f"{container['name']}: {name}" for name, is_wrong in wrong.items() if is_wrong]
    return found


RENDERINGS: dict[str, Callable[[Path], list[Resource]]] = {
    "chart": of_chart,
    "chart cpu": lambda folder: of_chart(folder, *CPU),
    "chart all": lambda folder: of_chart(folder, *ALL),
    "chart bare": lambda folder: of_chart(
        folder,
        flower={"enabled": False},
        redis={"enabled": False},
        networkPolicies={"enabled": False},
        worker={"pullModel": False, "gpus": 0},
        settings={"REDIS__URL": "redis://elsewhere", "REDIS__PASSWORD": "p"},
    ),
    "kustomize": of_kustomize,
    "kustomize cpu": lambda folder: of_kustomize(folder, "cpu"),
    "kustomize all": lambda folder: of_kustomize(folder, "monitoring", "keda"),
}
