"""The API as it is run: a process of uvicorn's own command, what its signals end, and what old clients get of it."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.worker.processes import Process, free_port, until

ENDS_WITHIN_S = 5


class ApiProcess(Process):
    """`uvicorn api.app:app` with the stub's Redis and no worker."""

    def __init__(self, redis_url: str, log: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = ["uvicorn", "api.app:app", "--port", str(self.port), *options]
        super().__init__(command, {"SCRIPTQUEUE_REDIS__URL": redis_url}, log)
        until(self._answers, what="the API answers")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def connected(self, text: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(text.encode())
        return connection


@pytest.fixture(scope="module", params=["httptools", "h11"])
def process(request: pytest.FixtureRequest, redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    process = ApiProcess(redis_server, tmp_path_factory.mktemp("api") / "log", "--http", request.param)
    yield process
    process.close()


def posted(process: ApiProcess) -> str:
    answer = httpx.post(f"{process.url}/jobs", json={"prompt": "waits for a worker"}, trust_env=False)
    return str(answer.raise_for_status().json()["id"])


def received(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("path", ["/jobs/{id}/events", "/jobs/{id}", "/healthz"])
def test_what_http_1_0_gets_is_in_one_piece(process: ApiProcess, path: str) -> None:
    """encode/uvicorn 1360: chunked answers to clients that know no chunks."""
    job_id = posted(process)
    httpx.post(f"{process.url}/jobs/{job_id}/cancel", trust_env=False).raise_for_status()  # a stream that has an end
    request = f"GET {path.format(id=job_id)} HTTP/1.0\r\nHost: localhost\r\n\r\n"

    with process.connected(request) as connection:
        head, _, body = received(connection).partition(b"\r\n\r\n")

    assert b" 200 " in head.split(b"\r\n")[0]
    assert b"transfer-encoding" not in head.lower()
    if path.endswith("events"):
        assert body.startswith(b"retry: ")
        assert body.endswith(b"\n\n")
    else:
        assert json.loads(body)
        assert f"content-length: {len(body)}".encode() in head.lower()


@pytest.fixture
def ending(redis_url: str, tmp_path: Path) -> Iterator[ApiProcess]:
    process = ApiProcess(redis_url, tmp_path / "log")
    yield process
    process.close()


def test_a_process_that_is_to_end_answers_whoever_waits_and_waits_for_nobody(ending: ApiProcess) -> None:
    """sysid/sse-starlette 124: an open stream kept a process from ending until it was killed."""
    job_id = posted(ending)
    post = "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 14\r\n"
    body = '{"prompt":"a"}'
    requests = {
        "stream": f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "long poll": f"GET /jobs/{job_id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n",
        "waiting POST": f"{post}Prefer: wait=60\r\n\r\n{body}",
        "half a body": f"{post}\r\n{body[:5]}",
        "half a header": post,
        "nothing": "",
        "idle": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    }
    connections = {name: ending.connected(text) for name, text in requests.items()}
    until(lambda: len(httpx.get(f"{ending.url}/jobs", trust_env=False).json()["jobs"]) == 2, what="the POST is in")
    with ThreadPoolExecutor(len(connections)) as pool:
        answers = {name: pool.submit(_all_of, connection) for name, connection in connections.items()}
        time.sleep(0.5)
        ending.terminate()
        code = ending.wait(ENDS_WITHIN_S)
        received_by = {name: answer.result(10) for name, answer in answers.items()}

    assert code == -signal.SIGTERM  # uvicorn raises it again once all is done
    first_lines = {name: answer.split(b"\r\n")[0].decode() for name, answer in received_by.items()}
    assert first_lines["stream"] == first_lines["long poll"] == "HTTP/1.1 200 OK"
    assert b"event: status" in received_by["stream"]
    assert b"event: done" not in received_by["stream"]
    assert received_by["stream"].endswith(b"0\r\n\r\n")  # its end, and no break: the client goes on elsewhere
    assert first_lines["waiting POST"] == "HTTP/1.1 202 Accepted"
    assert first_lines["half a body"] in {"", "HTTP/1.1 408 Request Timeout"}
    assert (first_lines["half a header"], first_lines["nothing"]) == ("", "")


def _all_of(connection: socket.socket) -> bytes:
    with connection:
        try:
            return received(connection)
        except ConnectionResetError:
            return b""


def test_a_stream_goes_on_at_another_process(ending: ApiProcess, redis_url: str, tmp_path: Path) -> None:
    job_id = posted(ending)
    with httpx.Client(trust_env=False, timeout=30) as client:
        with client.stream("GET", f"{ending.url}/jobs/{job_id}/events") as stream:
            lines = stream.iter_lines()
            last = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
            ending.terminate()
            assert not any(line.startswith("id: ") for line in lines)
        ending.wait(ENDS_WITHIN_S)
        next_process = ApiProcess(redis_url, tmp_path / "next")
        try:
            client.post(f"{next_process.url}/jobs/{job_id}/cancel").raise_for_status()
            rest = client.get(f"{next_process.url}/jobs/{job_id}/events", headers={"Last-Event-ID": last}).text
        finally:
            next_process.close()
    assert f"id: {int(last) + 1}\n" in rest
    assert "event: done" in rest
