"""Every setting and value of deploy/: each can be given without editing a file of ours; a misspelt one is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from shared.settings import CLIENT_NAMES, PREFIX, ModelSettings, Settings, WorkerSettings, from_environment, known_names
from tests.deploy.manifests import (
    PASSWORD,
    Resource,
    containers,
    environment,
    of_chart,
    of_kustomize,
    one,
    one_secret,
    pods,
)
from tests.deploy.programs import Refused, helm

pytestmark = pytest.mark.usefixtures("programs")

WEBHOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# One for each setting that is neither its default nor another's.
EVERY: dict[str, Any] = {
    "REDIS__URL": "redis://redis.elsewhere:6380/1",
    "REDIS__PASSWORD": PASSWORD,
    "REDIS__TIMEOUT_S": 2.5,
    "REDIS__PREFIX": "blue:",
    "REDIS__REPLICAS": 1,
    "REDIS__MAX_CONNECTIONS": 8,
    "MODEL__NAME": "embedded",
    "MODEL__PATH": "/models/mine",
    "MODEL__DEVICE": "cpu",
    "MODEL__DTYPE": "fp32",
    "MODEL__WEIGHT_BITS": 8,
    "MODEL__ATTENTION": "sdpa",
    "MODEL__BATCHING": "loop",
    "MODEL__CUDA_GRAPHS": False,
    "MODEL__CACHE_DIR": "/models/cache",
    "MODEL__ENDPOINT": "https://hub.example",
    "WORKER__MAX_BATCH": 16,
    "WORKER__LEASE_S": 7.5,
    "WORKER__MAX_ATTEMPTS": 2,
    "WORKER__DRAIN_S": 90.5,
    "WORKER__STALL_S": 100,
    "WORKER__METRICS_HOST": "::",
    "WORKER__METRICS_PORT": 9900,
    "WORKER__FALLBACK_WITHOUT_MODEL": True,
    "GENERATION__DO_SAMPLE": False,
    "GENERATION__TEMPERATURE": 0.3,
    "GENERATION__TOP_P": 0.8,
    "GENERATION__MAX_NEW_TOKENS": 2000,
    "API__KEYS": "studio:a b\"'#",
    "API__MAX_QUEUED": 12345678,
    "API__CACHE_TTL_S": 2500000,
    "API__RATE_PER_MINUTE": 1000000,
    "API__MAX_ACTIVE": 50,
    "API__WEIGHTS": "studio:3",
    "API__HOSTS": "studio.example",
    "API__CORS_ORIGINS": "https://a.example",
    "API__MAX_STREAMS": 100,
    "WEBHOOKS__SECRET": WEBHOOK,
    "WEBHOOKS__ALLOW_PRIVATE": True,
    "FLOWER__URL": "https://flower.example",
    "FLOWER__USER": "me",
    "FLOWER__PASSWORD": "f:l",
    "LOG__LEVEL": "DEBUG",
    "LOG__FORMAT": "json",
    "TRACES__ENDPOINT": "http://collector:4318",
}
SECRET = {
    f"{PREFIX}{section}__{field}".upper()
    for section, values in Settings()
    for field, value in values
    if isinstance(value, SecretStr)
}


def settings_of(rendered: list[Resource], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment(rendered).items():
        monkeypatch.setenv(name, value)
    return from_environment()


@pytest.fixture(scope="module")
def with_every_setting(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Resource]]:
    as_file = {
        f"{PREFIX}{name}": value if isinstance(value, str) else json.dumps(value) for name, value in EVERY.items()
    }

    def lines(of: set[str]) -> str:
        return "".join(f"{name}={value}\n" for name, value in as_file.items() if name in of)

    return {
        "chart": of_chart(
            tmp_path_factory.mktemp("every"),
            settings=EVERY,
            redis={"enabled": False},
            networkPolicies={"egress": [{"ports": [{"port": 4318}]}]},
        ),
        "kustomize": of_kustomize(
            tmp_path_factory.mktemp("every"),
            settings=lines(as_file.keys() - SECRET),
            secrets=lines(SECRET),
        ),
    }


@pytest.mark.parametrize("way", ["chart", "kustomize"])
def test_every_setting_can_be_given_without_editing_a_file_of_ours(
    with_every_setting: dict[str, list[Resource]], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """helm/helm#6431, roxy-wi/IncidentRelay#79: a chart writes a million as 1e+06, and the process stops."""
    assert {f"{PREFIX}{name}" for name in EVERY} == set(known_names())
    rendered = with_every_setting[way]

    given = settings_of(rendered, monkeypatch)

    wanted = {**EVERY, "API__HOSTS": "scriptqueue-api,studio.example" if way == "chart" else "studio.example"}
    for name, value in wanted.items():
        section, field = name.lower().split("__")
        arrived = getattr(getattr(given, section), field)
        arrived = arrived.get_secret_value() if isinstance(arrived, SecretStr) else arrived
        assert str(arrived) == str(value) or arrived == value, name
    assert set(one_secret(rendered)) == SECRET


def test_what_is_given_by_itself_is_what_processes_take(
    rendered: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings_of(rendered, monkeypatch)

    assert given.redis.address.password in (PASSWORD, "p")
    assert given.model.cache_dir == Path("/models")


def test_what_the_settings_say_of_a_worker_holds_for_its_pod(with_every_setting: dict[str, list[Resource]]) -> None:
    pod = dict(pods(with_every_setting["chart"]))["scriptqueue-worker"]
    policy = one(with_every_setting["chart"], "NetworkPolicy", "worker")

    assert pod["terminationGracePeriodSeconds"] > EVERY["WORKER__DRAIN_S"]
    assert pod["containers"][0]["ports"][0]["containerPort"] == EVERY["WORKER__METRICS_PORT"]
    assert policy["spec"]["ingress"][0]["ports"] == [{"port": EVERY["WORKER__METRICS_PORT"]}]


def test_what_the_chart_assumes_are_the_settings_defaults(renderings: dict[str, list[Resource]]) -> None:
    pod = dict(pods(renderings["chart"]))["scriptqueue-worker"]

    assert pod["terminationGracePeriodSeconds"] == WorkerSettings().drain_s + 30
    assert pod["containers"][0]["ports"][0]["containerPort"] == WorkerSettings().metrics_port
    assert environment(renderings["chart"])["SCRIPTQUEUE_MODEL__NAME"] == ModelSettings().name


def test_only_settings_and_what_others_read_are_given(rendered: list[Resource]) -> None:
    assert environment(rendered).keys() <= {*known_names(), *CLIENT_NAMES}
    assert not SECRET - {"SCRIPTQUEUE_REDIS__URL"} & one(rendered, "ConfigMap", "settings")["data"].keys()
    for _, pod in pods(rendered):
        for container in containers(pod):
            given = {variable["name"] for variable in container.get("env", ())}
            assert ("HF_TOKEN" in given) == (container["name"] == "model")
            has_secrets = any("secretRef" in source for source in container.get("envFrom", ()))
            assert has_secrets == (container["name"] not in ("model", "redis"))
            assert container["name"] == "redis" or pod["enableServiceLinks"] is False


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("api.replica=3", "replica"),
        ("apis.replicas=3", "apis"),
        ("settings.API__MAX_QUEUE=3", "API__MAX_QUEUE"),
        ("settings.LOG__LEVEL=LOUD", "LOG__LEVEL"),
        ("settings.API__MAX_QUEUED=many", "API__MAX_QUEUED"),
        ("settings.MODEL__DEVICE=gpu0", "MODEL__DEVICE"),
        ("environment.SCRIPTQUEUE_API__KEYS=a:b", "SCRIPTQUEUE_API__KEYS"),
        ("worker.gpus=2", "gpus"),
        ("worker.resources.limit.memory=1Gi", "limit"),
        ("settings.REDIS__PASSWORD=p", "existingSecret and settings.REDIS__PASSWORD"),
        ("existingSecret=", "set settings.REDIS__PASSWORD, or existingSecret"),
        ("existingSecret=,settings.REDIS__PASSWORD=p", "set settings.FLOWER__PASSWORD"),
        ("existingSecret=,redis.enabled=false,flower.enabled=false", "redis.enabled=false wants settings.REDIS__URL"),
        (
            "existingSecret=,settings.REDIS__PASSWORD=p,settings.FLOWER__PASSWORD=f,settings.REDIS__URL=redis://x",
            "another Redis",
        ),
        ("settings.TRACES__ENDPOINT=http://c:4318", "networkPolicies.egress"),
    ],
)
def test_the_chart_refuses_what_it_cannot_mean(arguments: str, word: str) -> None:
    """The words around the name are Helm's own, and others in version 3."""
    with pytest.raises(Refused, match=re.escape(word)):
        helm("--set", "existingSecret=mine", "--set", arguments)


@pytest.mark.parametrize("allowed", [True, False])
def test_webhooks_reach_private_addresses_where_the_setting_lets_them(allowed: bool, tmp_path: Path) -> None:
    rendered = of_chart(tmp_path, settings={"WEBHOOKS__ALLOW_PRIVATE": allowed})

    assert (one(rendered, "NetworkPolicy", "webhooks")["spec"]["egress"] == [{}]) is allowed


def test_a_changed_setting_replaces_pods_and_a_changed_password_redis_too(tmp_path: Path) -> None:
    def marks(**settings: Any) -> dict[str, Any]:
        return {
            resource["metadata"]["name"]: resource["spec"]["template"]["metadata"]["annotations"]
            for resource in of_chart(tmp_path, settings=settings)
            if "template" in resource.get("spec", {})
        }

    plain, other, password = marks(), marks(LOG__FORMAT="json"), marks(REDIS__PASSWORD="new")

    assert {name for name in plain if plain[name] == other[name]} == {"scriptqueue-redis"}
    assert {name for name in plain if plain[name] == password[name]} == set()
