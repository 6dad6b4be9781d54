"""The same script through curl, `scriptqueue.client` and `scriptqueue`, on an API and a worker that are processes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx
import pytest

from scriptqueue.client import ApiError, Client
from tests.integration.worker.processes import Process, until, worker

COMMAND = str(Path(sys.executable).with_name("scriptqueue"))
STUB: dict[str, Any] = {"seconds": 0.2}
ENDLESS: dict[str, Any] = {"seconds": 60}

Json = dict[str, Any]
Lines = list[Json]  # a class with a method `list` cannot name the type


class Refused(Exception):
    """The service refused, with this status."""


class Way(Protocol):
    """One way to speak to the service; what it tells is JSON, what is refused raises `Refused`."""

    def submit(self, prompt: str, key: str, metadata: Json, **options: Any) -> Json: ...
    def wait(self, job_id: str) -> Json: ...
    def get(self, job_id: str) -> Json: ...
    def result(self, job_id: str) -> Json: ...
    def events(self, job_id: str) -> list[tuple[int, str]]: ...
    def list(self, limit: int) -> list[str]: ...
    def cancel(self, job_id: str) -> Json: ...
    def retry(self, job_id: str) -> Json: ...
    def delete(self, job_id: str) -> None: ...


class Curl:
    def __init__(self, url: str) -> None:
        self._url = url

    def submit(self, prompt: str, key: str, metadata: Json, **options: Any) -> Json:
        body = json.dumps({"prompt": prompt, "metadata": metadata, **options})
        words = ["-H", "Content-Type: application/json", "-H", f"Idempotency-Key: {key}", "-d", body]
        return self._json("/jobs", *words)

    def wait(self, job_id: str) -> Json:
        while not (job := self._json(f"/jobs/{job_id}", "-H", "Prefer: wait=20"))["done"]:
            pass
        return job

    def get(self, job_id: str) -> Json:
        return self._json(f"/jobs/{job_id}")

    def result(self, job_id: str) -> Json:
        return self._json(f"/jobs/{job_id}/result")

    def events(self, job_id: str) -> list[tuple[int, str]]:
        lines = self._text(f"/jobs/{job_id}/events", "-N").split("\n")
        ids = [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]
        names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        return list(zip(ids, names, strict=True))

    def list(self, limit: int) -> list[str]:
        return [job["id"] for job in self._json(f"/jobs?limit={limit}")["jobs"]]

    def cancel(self, job_id: str) -> Json:
        return self._json(f"/jobs/{job_id}/cancel", "-X", "POST")

    def retry(self, job_id: str) -> Json:
        return self._json(f"/jobs/{job_id}/retry", "-X", "POST")

    def delete(self, job_id: str) -> None:
        self._text(f"/jobs/{job_id}", "-X", "DELETE")

    def _json(self, path: str, *words: str) -> Json:
        return dict(json.loads(self._text(path, *words)))

    def _text(self, path: str, *words: str) -> str:
        command = [
            "curl",
            "-sS",
            "--noproxy",
            "*",
            "--max-time",
            "60",
            "-w",
            "\n%{http_code}",
            *words,
            self._url + path,
        ]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        text, _, status = output.rpartition("\n")
        if int(status) >= 400:
            raise Refused(int(status))
        return text


class Python:
    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            with refusals():
                answer = getattr(self._client, name)(*arguments)
            return answer and answer.model_dump(mode="json")

        return call

    def submit(self, prompt: str, key: str, metadata: Json, **options: Any) -> Json:
        with refusals():
            job = self._client.submit(prompt, idempotency_key=key, metadata=metadata, **options)
        return job.model_dump(mode="json")

    def events(self, job_id: str) -> list[tuple[int, str]]:
        with refusals():
            return [(event.id, event.event) for event in self._client.events(job_id)]

    def list(self, limit: int) -> list[str]:
        return [str(job.id) for job in self._client.list(limit=limit)]


@contextmanager
def refusals() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        raise Refused(error.status) from None


class Command:
    def __init__(self, url: str) -> None:
        self._environment = {**os.environ, "SCRIPTQUEUE_URL": url}

    def __getattr__(self, name: str) -> Any:
        def call(job_id: str) -> Any:
            lines = self._lines(name, job_id)
            return lines[0] if lines else None

        return call

    def submit(self, prompt: str, key: str, metadata: Json, **options: Any) -> Json:
        named = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        (job,) = self._lines("submit", prompt, "--idempotency-key", key, "--metadata", json.dumps(metadata), *named)
        return job

    def events(self, job_id: str) -> list[tuple[int, str]]:
        return [(event["id"], event["event"]) for event in self._lines("events", job_id)]

    def list(self, limit: int) -> list[str]:
        return [job["id"] for job in self._lines("list", "--limit", str(limit))]

    def _lines(self, *words: str) -> Lines:
        done = subprocess.run(
            [COMMAND, *words, "--json"], env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode in (1, 2) and not done.stdout:
            raise Refused(int(done.stderr.rpartition(" ")[2].rstrip(")\n")))
        assert "Traceback" not in done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def service(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an API with one stub worker behind it, each a process."""
    folder = tmp_path_factory.mktemp("service")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        uvicorn = ["uvicorn", "api.app:app", "--port", port]
        api = Process(uvicorn, {"SCRIPTQUEUE_REDIS__URL": redis_server}, folder / "api.log")
        stack.callback(api.close)
        stack.callback(worker(redis_server, folder / "worker.log", model__name="stub").close)
        until(lambda: _status(f"{url}/readyz") == 200, what="ready")
        yield url


@pytest.fixture(params=["curl", "scriptqueue.client", "scriptqueue"])
def way(request: pytest.FixtureRequest, service: str) -> Iterator[Way]:
    if request.param == "curl":
        if shutil.which("curl") is None:
            assert not os.environ.get("CI"), "curl is missing"
            pytest.skip("no curl here")
        yield Curl(service)
    elif request.param == "scriptqueue.client":
        with Client(service) as client:
            yield Python(client)
    else:
        yield Command(service)


def test_a_job_from_its_prompt_to_its_deletion(way: Way) -> None:
    key = str(uuid4())
    job = way.submit("雨中的猫", key, {"stub": STUB, "shot": "7b"}, max_scenes=4)
    again = way.submit("雨中的猫", key, {"stub": STUB, "shot": "7b"}, max_scenes=4)
    assert again["id"] == job["id"]
    with pytest.raises(Refused, match="422"):
        way.submit("另一只猫", key, {})

    done = way.wait(job["id"])
    assert (done["status"], done["source"], done["metadata"]["shot"]) == ("succeeded", "stub", "7b")
    assert way.get(job["id"]) == done
    assert way.result(job["id"]) == done["result"]

    events = way.events(job["id"])
    names = [name for _, name in events]
    assert [number for number, _ in events] == sorted({number for number, _ in events})
    assert names[0] == "status"
    assert names[-1] == "done"
    assert names.count("scene") == len(done["result"]["scenes"])

    way.delete(job["id"])
    refused("410", *(partial(call, job["id"]) for call in (way.get, way.result, way.events, way.cancel, way.delete)))


def test_a_job_that_is_canceled_is_tried_again_under_a_new_id(way: Way) -> None:
    job = way.submit("海边", str(uuid4()), {"stub": ENDLESS})
    refused("409", *(partial(call, job["id"]) for call in (way.retry, way.delete, way.result)))

    way.cancel(job["id"])
    assert way.wait(job["id"])["status"] == "canceled"
    assert way.cancel(job["id"])["status"] == "canceled"

    anew = way.retry(job["id"])
    assert anew["retry_of"] == job["id"]
    assert way.list(2) == [anew["id"], job["id"]]
    way.cancel(anew["id"])


def test_what_is_wrong_or_unknown_is_refused(way: Way) -> None:
    wrong: list[tuple[str, dict[str, int]]] = [
        ("", {}),
        ("x" * 4001, {}),
        ("x", {"max_scenes": 61}),
        ("x", {"min_scenes": 9}),
    ]
    calls = (way.get, way.wait, way.result, way.events, way.cancel, way.retry, way.delete)

    refused("422", *(partial(way.submit, prompt, str(uuid4()), {}, **options) for prompt, options in wrong))
    refused("404", *(partial(call, str(uuid4())) for call in calls))


def refused(status: str, *calls: Callable[[], object]) -> None:
    """Each call is refused with this status. Side by side, for some are processes that take a second to start."""
    with ThreadPoolExecutor(4) as pool:
        for outcome in [pool.submit(call) for call in calls]:
            with pytest.raises(Refused, match=status):
                outcome.result()


def _status(url: str) -> int:
    try:
        return httpx.get(url, trust_env=False).status_code
    except httpx.HTTPError:
        return 0
