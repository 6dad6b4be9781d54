"""What the chart and Kustomize render, without a cluster: against the API's own schemas, against the restricted pod
security, and against what the processes, compose and the images say of themselves."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import kubernetes_validate
import pytest
import yaml

from scriptqueue.version import VERSION
from tests.deploy import generate
from tests.deploy.manifests import (
    RENDERINGS,
    Resource,
    alike,
    beyond_restricted,
    containers,
    environment,
    one,
    pods,
)
from tests.deploy.programs import CHART, ROOT

pytestmark = pytest.mark.usefixtures("programs")

CUSTOM = {"ServiceMonitor", "PodMonitor", "ScaledObject"}  # of operators: the API has no schema of these
OLDEST = "1.29"


def test_what_is_written_twice_is_as_it_is_generated() -> None:
    """Else: `python -m tests.deploy.generate`."""
    assert generate.SCHEMA.read_text() == generate.schema()
    for path, text in generate.manifests().items():
        assert path.read_text() == text, path


def test_the_chart_has_the_codes_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)
    assert chart["kubeVersion"].startswith(f">={OLDEST}.")


@pytest.mark.parametrize(
    ("version", "names"), [(OLDEST, ["chart all"]), (kubernetes_validate.latest_version(), list(RENDERINGS))]
)
def test_the_apis_own_schemas_find_no_error(
    renderings: dict[str, list[Resource]], version: str, names: list[str]
) -> None:
    once = {json.dumps(one, sort_keys=True) for name in names for one in alike(renderings[name])}
    for resource in map(json.loads, once):
        if resource["kind"] not in CUSTOM:
            kubernetes_validate.validate(resource, version, strict=True)


def test_a_misspelt_field_is_one(renderings: dict[str, list[Resource]]) -> None:
    service = json.loads(json.dumps(one(renderings["chart"], "Service", "api")))
    service["spec"]["selectors"] = service["spec"].pop("selector")

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, OLDEST, strict=True)


def test_all_pods_keep_to_the_restricted_pod_security(rendered: list[Resource]) -> None:
    assert {name: beyond_restricted(pod) for name, pod in pods(rendered)} == {name: [] for name, _ in pods(rendered)}
    assert len(list(pods(rendered))) >= 3


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"automountServiceAccountToken": None}, "automountServiceAccountToken"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "volume v"),
        ({"securityContext": {}}, "api: runAsNonRoot"),
        ({"containers": [{"name": "c"}]}, "c: capabilities"),
        ({"initContainers": [{"name": "i", "securityContext": {"privileged": True}}]}, "i: privileged"),
    ],
)
def test_a_pod_beyond_the_restricted_pod_security_is_found(
    renderings: dict[str, list[Resource]], change: Resource, found: str
) -> None:
    assert found in beyond_restricted({**dict(pods(renderings["chart"]))["scriptqueue-api"], **change})


def test_whatever_is_named_is_there(rendered: list[Resource]) -> None:
    """Secrets for what is optional, and one of the user's, are not."""
    there = {(resource["kind"], resource["metadata"]["name"]) for resource in rendered}
    named = set()
    for name, pod in pods(rendered):
        volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
        named |= {
            ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
            for volume in volumes.values()
            if "persistentVolumeClaim" in volume
        }
        for container in containers(pod):
            sources = [*container.get("envFrom", ()), *(one.get("valueFrom", {}) for one in container.get("env", ()))]
            for source in sources:
                for kind, key in (
                    ("ConfigMap", "configMapRef"),
                    ("Secret", "secretRef"),
                    ("Secret", "secretKeyRef"),
                ):
                    if key in source and not source[key].get("optional"):
                        named.add((kind, source[key]["name"]))
            if name != "scriptqueue-redis":  # whose volume is the claim template's
                assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
            ports = {port["name"] for port in container.get("ports", ())}
            probes = [container.get(f"{probe}Probe", {}) for probe in ("startup", "readiness", "liveness")]
            assert {probe["httpGet"]["port"] for probe in probes if "httpGet" in probe} <= ports
    assert named <= there


def test_each_selector_finds_pods_and_each_port_is_one_of_theirs(rendered: list[Resource]) -> None:
    templates = [resource["spec"]["template"] for resource in rendered if "template" in resource.get("spec", {})]

    def found(labels: dict[str, str]) -> list[Resource]:
        return [one["spec"] for one in templates if labels.items() <= one["metadata"]["labels"].items()]

    for resource in rendered:
        spec = resource.get("spec", {})
        match resource["kind"]:
            case "Service":
                (pod,) = found(spec["selector"])
                names = {port["name"] for container in pod["containers"] for port in container.get("ports", ())}
                assert {port["targetPort"] for port in spec["ports"]} <= names
            case "PodMonitor":
                (pod,) = found(spec["selector"]["matchLabels"])
                assert pod["containers"][0]["ports"][0]["name"] == spec["podMetricsEndpoints"][0]["port"]
            case "ServiceMonitor":
                service = one(rendered, "Service", "api")
                assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
                assert service["spec"]["ports"][0]["name"] == spec["endpoints"][0]["port"]
            case "Deployment" | "StatefulSet" | "PodDisruptionBudget":
                assert len(found(spec["selector"]["matchLabels"])) == 1
            case "NetworkPolicy":
                assert found(spec["podSelector"]["matchLabels"])
            case "ScaledObject":
                target = one(rendered, "Deployment", "worker")
                assert spec["scaleTargetRef"] == {"name": target["metadata"]["name"]}
                assert "replicas" not in target["spec"]  # else each `apply` sets it back


@pytest.mark.parametrize(
    ("kustomize", "chart"), [("kustomize", "chart"), ("kustomize cpu", "chart cpu"), ("kustomize all", "chart all")]
)
def test_kustomize_and_the_chart_run_the_same(
    renderings: dict[str, list[Resource]], kustomize: str, chart: str
) -> None:
    def by_name(name: str) -> dict[tuple[str, str], Resource]:
        return {
            (one["kind"], one["metadata"]["name"]): one
            for one in alike(renderings[name])
            if one["kind"] not in ("ConfigMap", "Secret", "Namespace")
        }

    assert by_name(kustomize) == by_name(chart)
    assert environment(renderings[kustomize]) == environment(renderings[chart])


@pytest.mark.parametrize(
    ("secret", "pod"),
    [("SCRIPTQUEUE_REDIS__PASSWORD", "scriptqueue-redis"), ("SCRIPTQUEUE_FLOWER__PASSWORD", "scriptqueue-flower")],
)
def test_without_its_password_nothing_starts_that_would_be_open(
    renderings: dict[str, list[Resource]], secret: str, pod: str
) -> None:
    """Asked for by its key: a missing one keeps the pod from starting. The example has none that is empty."""
    (container,) = dict(pods(renderings["kustomize"]))[pod]["containers"]
    references = [variable["valueFrom"]["secretKeyRef"] for variable in container["env"] if "valueFrom" in variable]

    assert [(one["key"], one.get("optional", False)) for one in references] == [(secret, False)]
    assert f"#{secret}=\n" in (generate.KUSTOMIZE / "example" / "secrets.env.example").read_text()


def test_processes_are_those_of_the_images_without_hold(rendered: list[Resource]) -> None:
    """`worker.hold` stays at 78, which Docker wants; Kubernetes shows and delays a container that ends again."""
    stages = (ROOT / "Dockerfile.gpu").read_text()
    (entry,) = re.findall(r"^ENTRYPOINT (\[.*\])$", stages, re.MULTILINE)
    init = json.loads(entry)[: json.loads(entry).index("python")]
    commands = [json.loads(command) for command in re.findall(r"^CMD (\[.*\])$", stages, re.MULTILINE)]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    wanted = {
        "api": commands[0],
        "worker": commands[1],
        "webhooks": compose["webhooks"]["command"].split(),
        "flower": compose["flower"]["command"].split(),
        "model": ["python", "-m", "models", "pull", "$(SCRIPTQUEUE_MODEL__NAME)"],
    }

    ours = [container for _, pod in pods(rendered) for container in containers(pod) if container["name"] != "redis"]

    for container in ours:
        assert container["command"] == init
        assert container["args"] == wanted[container["name"]]


def test_redis_is_started_as_in_compose(renderings: dict[str, list[Resource]]) -> None:
    text = (ROOT / "docker-compose.yml").read_text().replace("${REDIS_MAXMEMORY:-1gb}", "1gb")
    compose = yaml.safe_load(text)["services"]["redis"]["command"]
    pod = dict(pods(renderings["chart"]))["scriptqueue-redis"]
    (container,) = pod["containers"]

    here = [*container["command"], *container["args"]]

    pairs = set(pairwise(here))
    assert {("--appendonly", "yes"), ("--appendfsync", "always"), ("--maxmemory-policy", "noeviction")} <= pairs
    assert here[:1] + here[3:-1] == compose[:-1]  # --dir /data, and where the password is from
    assert here[-2:] == ["--requirepass", "$(REDISCLI_AUTH)"]


def test_probes_ask_what_they_should(renderings: dict[str, list[Resource]]) -> None:
    """immich-app/immich-charts#27, gke-labs/kube-agents#712: a liveness probe kills what still loads its model."""
    by_name = {container["name"]: container for _, pod in pods(renderings["chart"]) for container in pod["containers"]}
    worker, api = by_name["worker"], by_name["api"]

    assert {api[f"{probe}Probe"]["httpGet"]["path"] for probe in ("readiness", "liveness")} == {"/healthz"}
    assert "livenessProbe" not in worker
    assert worker["startupProbe"]["periodSeconds"] * worker["startupProbe"]["failureThreshold"] == 30 * 60
    assert worker["readinessProbe"]["exec"]["command"][1:] == ["-m", "worker.alive"]
    assert by_name["redis"]["readinessProbe"]["exec"]["command"] == ["valkey-cli", "-e", "ping"]
    spec = one(renderings["chart"], "Deployment", "worker")["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxSurge"] == 0
    assert spec["progressDeadlineSeconds"] > 30 * 60


def test_a_gpu_is_asked_for_only_where_there_is_one(renderings: dict[str, list[Resource]]) -> None:
    gpus = {
        name: one(rendered, "Deployment", "worker")["spec"]["template"]["spec"]["containers"][0]["resources"][
            "limits"
        ].get("nvidia.com/gpu")
        for name, rendered in renderings.items()
    }

    assert gpus == {name: None if "cpu" in name or "bare" in name else 1 for name in renderings}


def test_redis_hears_only_ours_and_nobody_else_hears_the_workers_but_their_metrics(
    renderings: dict[str, list[Resource]],
) -> None:
    policies = {
        resource["metadata"]["name"].removeprefix("scriptqueue-"): resource["spec"]
        for resource in renderings["chart"]
        if resource["kind"] == "NetworkPolicy"
    }
    ours = {"app.kubernetes.io/name": "scriptqueue", "app.kubernetes.io/instance": "scriptqueue"}

    assert policies["all"]["policyTypes"] == ["Ingress", "Egress"]
    assert policies["all"]["podSelector"] == {"matchLabels": ours}
    assert "ingress" not in policies["all"]
    assert policies["redis"]["ingress"] == [
        {"ports": [{"port": 6379}], "from": [{"podSelector": {"matchLabels": ours}}]}
    ]
    assert policies["worker"]["ingress"][0]["ports"] == [{"port": 9808}]
    (out,) = policies["webhooks"]["egress"]
    assert "10.0.0.0/8" in out["to"][0]["ipBlock"]["except"]
    assert "ports" not in out
