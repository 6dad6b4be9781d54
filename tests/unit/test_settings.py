"""A setting is valid, or the process does not start and says which one is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from shared.errors import SettingsInvalid
from shared.setting_lists import listed, split_keys
from shared.settings import Settings, from_environment, known_names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SCRIPTQUEUE_MODLE__NAME", "SCRIPTQUEUE_MODEL__NAME"),
        ("SCRIPTQUEUE_MODEL__NAM", "SCRIPTQUEUE_MODEL__NAME"),
        ("SCRIPTQUEUE_REDIS_URL", "SCRIPTQUEUE_REDIS__URL"),
        ("SCRIPTQUEUE_WORKER__MAXBATCH", "SCRIPTQUEUE_WORKER__MAX_BATCH"),
    ],
)
def test_a_misspelt_setting_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")

    with pytest.raises(SettingsInvalid) as refused:
        from_environment()

    assert name in str(refused.value)
    assert meant in str(refused.value)


def test_every_misspelt_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_FOO", "1")
    monkeypatch.setenv("SCRIPTQUEUE_BAR__BAZ", "1")

    with pytest.raises(SettingsInvalid, match=r"BAR__BAZ.*FOO"):
        from_environment()


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("REDIS__PASSWORD", "p@ss/w#rd ü%20\n", lambda settings: settings.redis.address.password == "p@ss/w#rd ü%20"),
        ("API__KEYS", "studio:k1,other:k2\r\n", lambda settings: len(split_keys(settings.api.keys)) == 2),
        ("WORKER__LEASE_S", "7", lambda settings: settings.worker.lease_s == 7),
    ],
)
def test_a_file_may_hold_a_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: str, read: Callable[[Settings], bool]
) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    monkeypatch.setenv(f"SCRIPTQUEUE_{name}_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("SCRIPTQUEUE_REDIS__URL", "redis://host:1/2")

    assert read(from_environment())
    assert from_environment().redis.address.place == "host:1"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"REDIS__URL_FILE": "/nowhere"},
            "SCRIPTQUEUE_REDIS: url_file: /nowhere cannot be read: No such file or directory",
        ),
        ({"REDIS__URL_FILE": "/"}, "Is a directory"),
        ({"REDIS__URL_FILE": "/nowhere", "REDIS__URL": "redis://x"}, "are both set"),
        ({"REDIS__UTL_FILE": "/nowhere"}, "is no setting"),
        ({"REDIS__URL": "redis://:a@host", "REDIS__PASSWORD": "b"}, "only one of them can be meant"),
    ],
)
def test_a_setting_that_two_places_or_no_file_give_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"SCRIPTQUEUE_{name}", value)

    with pytest.raises(SettingsInvalid, match=re.escape(words)):
        from_environment()


@pytest.mark.parametrize("name", ["SCRIPTQUEUE_URL", "SCRIPTQUEUE_API_KEY"])
def test_the_clients_own_names_are_no_settings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")

    assert from_environment() == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS__URL", "http://localhost"),
        ("REDIS__TIMEOUT_S", "0"),
        ("MODEL__DEVICE", "gpu"),
        ("MODEL__DTYPE", "int8"),
        ("MODEL__WEIGHT_BITS", "5"),
        ("MODEL__ATTENTION", "flash"),
        ("MODEL__BATCHING", "vllm"),
        *[("WORKER__MAX_BATCH", rows) for rows in ("0", "513", "-1", "8.5", "automatic", "²")],
        ("WORKER__LEASE_S", "soon"),
        ("WORKER__MAX_ATTEMPTS", "0"),
        ("WORKER__DRAIN_S", "-1"),
        ("GENERATION__TEMPERATURE", "3"),
        ("GENERATION__TOP_P", "0"),
        ("GENERATION__MAX_NEW_TOKENS", "10"),
        ("API__KEYS", "nolabel"),
        ("API__KEYS", "a:1,b:1"),
        ("API__MAX_QUEUED", "0"),
        ("API__RATE_PER_MINUTE", "0"),
        *[("API__HOSTS", name) for name in ("*", "*.studio.example", "http://api", "api:8000", "a b", "a..b", "[::1]")],
        *[
            ("API__CORS_ORIGINS", name)
            for name in ("*", "null", "studio.example", "https://a/", "https://*.a", "a://b c")
        ],
        ("API__CORS_ORIGINS", "https://a.example;https://b.example"),
        ("API__MAX_STREAMS", "0"),
        ("API__WEIGHTS", "ci"),
        ("API__WEIGHTS", "ci:0"),
        ("API__WEIGHTS", "ci:1.5"),
        ("API__WEIGHTS", "ci:-1"),
        ("API__WEIGHTS", "ci:1001"),
        ("API__WEIGHTS", ":2"),
        ("LOG__LEVEL", "LOUD"),
    ],
)
def test_a_bad_value_stops_the_start_with_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SCRIPTQUEUE_{name}", value)

    with pytest.raises(SettingsInvalid, match=f"SCRIPTQUEUE_{name}"):
        from_environment()


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("MODEL__WEIGHT_BITS", "4", "weight_bits", 4),
        ("MODEL__DEVICE", "cuda:1", "device", "cuda:1"),
        ("MODEL__NAME", "embedded", "name", "embedded"),
    ],
)
def test_a_setting_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, expected: object
) -> None:
    monkeypatch.setenv(f"SCRIPTQUEUE_{name}", value)

    assert getattr(from_environment().model, field) == expected


@pytest.mark.parametrize(("value", "rows"), [(None, "auto"), ("auto", "auto"), ("1", 1), (" 64 ", 64), ("512", 512)])
def test_a_batch_is_sized_by_the_device_or_by_a_number(
    monkeypatch: pytest.MonkeyPatch, value: str | None, rows: int | str
) -> None:
    if value:
        monkeypatch.setenv("SCRIPTQUEUE_WORKER__MAX_BATCH", value)

    assert from_environment().worker.max_batch == rows


def test_hosts_and_origins_are_lists_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_API__HOSTS", "api, Studio.Example,my_box,,")
    monkeypatch.setenv("SCRIPTQUEUE_API__CORS_ORIGINS", "HTTPS://Studio.Example, http://127.0.0.1:3000,http://[::1]:80")
    api = from_environment().api

    assert listed(api.hosts) == ["api", "studio.example", "my_box"]
    assert listed(api.cors_origins) == ["https://studio.example", "http://127.0.0.1:3000", "http://[::1]:80"]


def test_settings_never_change() -> None:
    settings = Settings()

    with pytest.raises(ValidationError):
        settings.model.name = "other"  # type: ignore[misc]


def test_secrets_are_not_shown() -> None:
    settings = Settings(
        redis={"url": "redis://:hunter2@h/0"},
        api={"keys": "ci:hunter2"},
        webhooks={"secret": "whsec_" + "hunter2/" * 4},
    )

    assert "hunter2" not in repr(settings)


def test_a_bad_key_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_API__KEYS", "ci:fine,hunter2")

    with pytest.raises(SettingsInvalid) as refused:
        from_environment()

    assert "entry 2" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_one_key_cannot_belong_to_two_clients() -> None:
    with pytest.raises(ValidationError, match="keys must be unique"):
        Settings(api={"keys": "ci:abc,studio:abc"})


@pytest.mark.parametrize("weights", ["studio:2", "ci:2,ci:3"])
def test_a_weight_belongs_to_one_client_that_has_a_key(weights: str) -> None:
    with pytest.raises(ValidationError, match=r"no key has the label studio|labels must be unique"):
        Settings(api={"keys": "ci:abc", "weights": weights})


def test_a_client_without_a_weight_counts_once() -> None:
    api = Settings(api={"keys": "ci:a,studio:b,ci:c", "weights": " studio : 3 ,"}).api

    assert [api.weight_of(client) for client in ("ci", "studio", "anonymous")] == [1, 3, 1]


def test_keys_are_pairs_of_label_and_key() -> None:
    assert split_keys(SecretStr(" ci:abc , studio:d:e ,")) == [("ci", "abc"), ("studio", "d:e")]


@pytest.mark.parametrize("secret", ["hunter2", "whsec_hunter2", "whsec_" + "!" * 40, "whsec_" + "hunter2/" * 4 + " x"])
def test_a_webhook_secret_that_no_receiver_could_use_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_WEBHOOKS__SECRET", secret)

    with pytest.raises(SettingsInvalid, match="24 to 64 bytes") as refused:
        from_environment()

    assert "hunter2" not in str(refused.value)


def test_every_setting_of_the_contract_exists() -> None:
    contract = (
        "REDIS__URL MODEL__NAME MODEL__PATH MODEL__DEVICE MODEL__DTYPE MODEL__WEIGHT_BITS MODEL__ATTENTION "
        "WORKER__MAX_BATCH WORKER__LEASE_S WORKER__MAX_ATTEMPTS WORKER__DRAIN_S GENERATION__TEMPERATURE "
        "GENERATION__TOP_P GENERATION__DO_SAMPLE GENERATION__MAX_NEW_TOKENS API__KEYS API__MAX_QUEUED "
        "API__RATE_PER_MINUTE WEBHOOKS__SECRET WEBHOOKS__ALLOW_PRIVATE FLOWER__USER FLOWER__PASSWORD"
    )

    assert {f"SCRIPTQUEUE_{name}" for name in contract.split()} <= set(known_names())
