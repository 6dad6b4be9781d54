"""The client as a package of its own: what it brings, what it exports, and how it speaks with a service of another
version. That it installs and works alone: tests/acceptance/test_wheel.py."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

import scriptqueue
from scriptqueue import Client, RequestInvalid
from scriptqueue.client import __all__ as of_the_client
from scriptqueue.options import CharacterOptions, JobOptions, SamplingOptions, WebhookOptions
from scriptqueue.schemas import Character, JobRequest, Sampling, Webhook
from scriptqueue.version import VERSION

ROOT = Path(__file__).parents[2]


def project(path: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / path).read_text())["project"]
    return found


@pytest.mark.parametrize(
    ("options", "shape", "besides"),
    [
        (JobOptions, JobRequest, {"prompt"}),
        (SamplingOptions, Sampling, set()),
        (WebhookOptions, Webhook, set()),
        (CharacterOptions, Character, set()),
    ],
)
def test_each_field_of_a_request_is_a_typed_keyword(options: Any, shape: Any, besides: set[str]) -> None:
    assert options.__required_keys__ | options.__optional_keys__ == set(shape.model_fields) - besides


def test_every_name_that_users_import_is_there() -> None:
    assert set(of_the_client) <= set(scriptqueue.__all__)
    assert all(getattr(scriptqueue, name) for name in scriptqueue.__all__)
    assert scriptqueue.__version__ == VERSION
    with pytest.raises(AttributeError, match="Clinet"):
        _ = scriptqueue.Clinet


def test_the_shapes_alone_bring_no_http_client() -> None:
    code = "import scriptqueue.schemas, sys; print(json.dumps(sorted(sys.modules)))"
    shown = subprocess.check_output([sys.executable, "-c", f"import json; {code}"], cwd=ROOT)

    assert not {"httpx", "scriptqueue.client"} & set(json.loads(shown))


def test_the_client_brings_three_packages_as_the_server_has_them() -> None:
    client, server = project("client/pyproject.toml"), project("pyproject.toml")

    assert len(client["dependencies"]) == 3
    assert set(client["dependencies"]) <= set(server["dependencies"])
    assert set(client["optional-dependencies"]["command"]) <= set(server["dependencies"])
    assert client["optional-dependencies"]["picture"] == server["optional-dependencies"]["picture"]
    assert client["requires-python"] == server["requires-python"]


def test_the_commands_of_both_packages_are_there() -> None:
    for path in ("client/pyproject.toml", "pyproject.toml"):
        module, _, function = project(path)["scripts"]["scriptqueue"].partition(":")
        assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize(
    ("described", "versions"),
    [
        ({"info": {"version": "0.0.9"}}, f": the service is version 0.0.9, this client {VERSION}"),
        ({"info": {"version": VERSION}}, ""),
        ({}, ""),
        ("no description", ""),
    ],
)
def test_a_field_that_the_service_does_not_know_names_both_versions(described: Any, versions: str) -> None:
    problem = {"type": "/problems/invalid_request", "title": "Invalid", "status": 422, "code": "invalid_request"}
    faults = [{"pointer": "/style", "code": "extra_forbidden", "detail": "there is no such field"}]

    def service(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/openapi.json":
            return httpx.Response(200, json=described)
        return httpx.Response(422, json={**problem, "detail": "Not valid", "errors": faults})

    with Client("http://service", transport=httpx.MockTransport(service)) as client, pytest.raises(RequestInvalid) as e:
        client.submit("a prompt", style="ink")

    assert e.value.problem.detail == "Not valid" + versions
    assert e.value.problem.errors is not None
