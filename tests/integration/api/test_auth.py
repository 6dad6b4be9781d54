"""Bearer keys: who may ask, who sees what, and that no key is ever written down."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.api.serving import Serve

KEYS = {"keys": "studio:key-of-the-studio,agency:schlüssel"}
STUDIO = {"Authorization": "Bearer key-of-the-studio"}
AGENCY: dict[str, Any] = {"Authorization": "Bearer schlüssel".encode()}  # httpx takes bytes, its types do not


@pytest.fixture
def guarded(serve: Serve) -> httpx.Client:
    return serve(api=KEYS)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Bearer key-of-the-studi",
        "Basic key-of-the-studio",
        "studio",
        b"Bearer \xff",
    ],
)
def test_without_a_valid_key_every_job_endpoint_is_401(guarded: httpx.Client, authorization: Any) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    job_id = guarded.post("/jobs", json={"prompt": "x"}, headers=STUDIO).json()["id"]

    answers = [
        guarded.post("/jobs", json={"prompt": "x"}, headers=headers),
        guarded.get(f"/jobs/{job_id}", headers=headers),
        guarded.get(f"/jobs/{job_id}/result", headers=headers),
        guarded.post(f"/jobs/{job_id}/cancel", headers=headers),
        guarded.get("/queue", headers=headers),
    ]

    assert [(r.status_code, r.json()["code"]) for r in answers] == [(401, "unauthorized")] * 5
    assert {r.headers["WWW-Authenticate"] for r in answers} == {"Bearer"}
    assert guarded.get("/queue", headers=STUDIO).json()["depth"]["normal"] == 1


def test_the_scheme_is_read_in_any_case(guarded: httpx.Client) -> None:
    assert guarded.get("/queue", headers={"Authorization": "bearer key-of-the-studio"}).status_code == 200


def test_a_client_that_changes_its_key_keeps_its_jobs(serve: Serve) -> None:
    api = serve(api={"keys": "studio:old,studio:new"})
    job_id = api.post("/jobs", json={"prompt": "x"}, headers={"Authorization": "Bearer old"}).json()["id"]

    assert api.get(f"/jobs/{job_id}", headers={"Authorization": "Bearer new"}).status_code == 200


def test_a_client_sees_only_its_own_jobs(guarded: httpx.Client) -> None:
    job_id = guarded.post("/jobs", json={"prompt": "x"}, headers=STUDIO).json()["id"]

    others = [
        guarded.get(f"/jobs/{job_id}", headers=AGENCY),
        guarded.get(f"/jobs/{job_id}", headers={**AGENCY, "Prefer": "wait=60"}),
        guarded.get(f"/jobs/{job_id}/result", headers=AGENCY),
        guarded.post(f"/jobs/{job_id}/cancel", headers=AGENCY),
    ]

    assert [(r.status_code, r.json()["code"]) for r in others] == [(404, "not_found")] * 4
    assert guarded.get(f"/jobs/{job_id}", headers=STUDIO).json()["status"] == "queued"


def test_health_and_documentation_need_no_key(guarded: httpx.Client) -> None:
    open_paths = ["/healthz", "/readyz", "/schemas/storyboard.json", "/problems/gone", "/openapi.json"]

    assert 401 not in [guarded.get(path).status_code for path in open_paths]


def test_the_document_names_the_scheme_only_where_keys_are_asked_for(serve: Serve) -> None:
    guarded, open_to_all = (serve(**sections).get("/openapi.json").json() for sections in ({"api": KEYS}, {}))

    assert guarded["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    assert guarded["paths"]["/jobs"]["post"]["security"] == [{"key": []}]
    assert "security" not in guarded["paths"]["/healthz"]["get"]
    assert "securitySchemes" not in open_to_all["components"]
    assert "401" not in open_to_all["paths"]["/jobs"]["post"]["responses"]


@pytest.fixture
def real_process(redis_url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`uvicorn api.app:app` as an operator starts it, as talkative as it can be."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        environment = {
            **os.environ,
            "SCRIPTQUEUE_REDIS__URL": redis_url,
            "SCRIPTQUEUE_API__KEYS": "studio:key-of-the-studio",
            "SCRIPTQUEUE_LOG__LEVEL": "DEBUG",
        }
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "api.app:app",
            "--fd",
            str(listener.fileno()),
            "--log-level",
            "trace",
        ]
        process = subprocess.Popen(
            command,
            env=environment,
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process, f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def test_no_key_is_ever_logged(real_process: tuple[subprocess.Popen[str], str]) -> None:
    process, url = real_process
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        assert client.post("/jobs", json={"prompt": "x"}, headers=STUDIO).status_code == 202
        assert client.get("/queue", headers={"Authorization": "Bearer key-of-a-thief"}).status_code == 401
    process.terminate()
    log, _ = process.communicate(timeout=20)

    assert "/queue" in log  # it does log
    assert "key-of" not in log
