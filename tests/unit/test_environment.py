"""What others put into the environment: links of Kubernetes and Docker, empty variables, quotes."""

from __future__ import annotations

import os

import pytest

from shared.errors import SettingsInvalid
from shared.settings import Settings, from_environment, known_names
from worker import dashboard


def links(service: str, host: str, number: int, kind: str = "tcp") -> dict[str, str]:
    """What Kubernetes sets for one Service: kubernetes/kubernetes#1431."""
    address = f"{kind}://{f'[{host}]' if ':' in host else host}:{number}"
    one = f"{service}_PORT_{number}_{kind.upper()}"
    return {
        f"{service}_SERVICE_HOST": host,
        f"{service}_SERVICE_PORT": str(number),
        f"{service}_PORT": address,
        one: address,
        f"{one}_PROTO": kind,
        f"{one}_PORT": str(number),
        f"{one}_ADDR": host,
    }


ENVIRONMENTS = {
    # ScreamingFace/screamingface#538, langgenius/dify#539, RedisLabs/redislabs-docs#676
    "a Service of our name": links("SCRIPTQUEUE", "10.96.0.7", 8000),
    "a Service beside it": links("SCRIPTQUEUE_REDIS", "10.96.0.8", 6379),
    "a release and its chart": links("SCRIPTQUEUE_PROD_REDIS_MASTER", "10.96.0.8", 6379),
    "a port with a name": {"SCRIPTQUEUE_SERVICE_PORT_HTTP": "8000", "SCRIPTQUEUE_SERVICE_PORT_HTTP_METRICS": "9808"},
    "IPv6": links("SCRIPTQUEUE", "fd00:10:96::7", 8000),
    "UDP": links("SCRIPTQUEUE_DNS", "10.96.0.9", 53, "udp"),
    "a link of Docker's": {"SCRIPTQUEUE_REDIS_NAME": "/web/redis", **links("SCRIPTQUEUE_REDIS", "172.17.0.2", 6379)},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_kubernetes_and_docker_tell_of_services_is_no_setting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable, value in ENVIRONMENTS[name].items():
        monkeypatch.setenv(variable, value)

    assert from_environment() == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCRIPTQUEUE_PORT", "8000"),
        ("SCRIPTQUEUE_REDIS_PORT", "6379"),
        ("SCRIPTQUEUE_HOST", "10.96.0.7"),
        ("SCRIPTQUEUE_MODEL_NAME", "stub"),
        ("SCRIPTQUEUE_SERVICE_HOST", "stub"),
        ("SCRIPTQUEUE_REDIS_URL", "redis://10.96.0.7:6379"),
        ("SCRIPTQUEUE_MODLE__NAME", ""),
    ],
)
def test_what_somebody_meant_as_a_setting_still_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsInvalid, match=f"{name} is no setting"):
        from_environment()


def test_a_service_called_flower_does_not_give_flower_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {**links("FLOWER", "10.96.0.7", 5555), "FLOWER_BASIC_AUTH": "a:b"}.items():
        monkeypatch.setenv(variable, value)

    dashboard.pass_over_service_links()

    assert [name for name in os.environ if name.startswith("FLOWER_")] == ["FLOWER_BASIC_AUTH"]


@pytest.mark.parametrize("name", known_names())
def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """pydantic/pydantic-settings#198; IBM/mcp-context-forge#6123: compose hands out `X: ${X:-}`."""
    monkeypatch.setenv(name, "")

    assert from_environment() == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODEL__NAME", '"stub"'),
        ("REDIS__URL", "'redis://:hunter2@h'"),
        ("API__KEYS", '"ci:hunter2"'),
        ("FLOWER__PASSWORD", "''"),
    ],
)
def test_quotes_that_an_env_file_kept_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """moby/moby#46773, docker/cli#4665, docker/compose#4921."""
    monkeypatch.setenv(f"SCRIPTQUEUE_{name}", value)

    with pytest.raises(SettingsInvalid, match=f"^SCRIPTQUEUE_{name} stands in quotes") as refused:
        from_environment()

    assert "hunter2" not in str(refused.value)


def test_a_quote_within_a_value_is_the_values_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_FLOWER__PASSWORD", 'it"s')

    assert from_environment().flower.password.get_secret_value() == 'it"s'
