"""Bodies that are small to send and dear to read: refused before they are built, and others are answered meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx
import pytest

from api.routes.batches import BatchRoute

JSON = {"Content-Type": "application/json"}
MEGABYTE = 1024 * 1024
WITHIN_S = 2.0  # for others, on a loaded machine; alone it is some 20 ms


def repeated(unit: bytes, size_bytes: int = 15 * MEGABYTE) -> bytes:
    return unit * (size_bytes // len(unit))


# (the body, its answer: status and code)
DEAR: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "empty objects": (lambda: b'{"jobs":[' + repeated(b"{},") + b"{}]}", 413, "body_too_large"),
    "unknown keys": (
        lambda: b"{" + b",".join(b'"k%d":1' % number for number in range(1_300_000)) + b"}",
        413,
        "body_too_large",
    ),
    "numbers": (lambda: b'{"jobs":[' + repeated(b"0,") + b"0]}", 413, "body_too_large"),
    "empty strings": (lambda: b'{"jobs":[{"metadata":{"a":[' + repeated(b'"",') + b'""]}}]}', 413, "body_too_large"),
    "brackets": (lambda: repeated(b"["), 400, "malformed_json"),
    "closing brackets": (lambda: repeated(b"]"), 413, "body_too_large"),
    "quotes": (lambda: repeated(b'"'), 400, "malformed_json"),
    "backslashes": (lambda: b'{"jobs":"' + repeated(b"\\") + b'"}', 422, "invalid_request"),
    "one string": (lambda: b'{"jobs":["' + repeated(b"x") + b'"]}', 422, "invalid_request"),
    "escapes": (lambda: b'{"jobs":[{"prompt":"' + repeated(b"\\u6797") + b'"}]}', 422, "invalid_request"),
    "digits": (lambda: b'{"jobs":[' + repeated(b"9") + b"]}", 400, "malformed_json"),
    "one array too wide": (lambda: b'{"jobs":[[' + b"0," * 5000 + b"0]]}", 413, "body_too_large"),
    "four thousand jobs": (lambda: b'{"jobs":[' + b"{}," * 4000 + b"{}]}", 422, "invalid_request"),
    "events": (
        lambda: b'{"jobs":[{"prompt":"x","webhook":{"url":"https://e.example","events":[' + b"0," * 4000 + b"0]}}]}",
        422,
        "invalid_request",
    ),
}


@pytest.mark.parametrize("name", DEAR)
def test_others_are_answered_while_a_dear_body_is_refused(lasting_api: httpx.Client, name: str) -> None:
    make, status, code = DEAR[name]
    body, refused, waits_s = make(), Event(), []

    def look_on() -> None:
        while not refused.is_set():
            begun_s = time.monotonic()
            assert lasting_api.get("/healthz").status_code == 200
            waits_s.append(time.monotonic() - begun_s)

    with ThreadPoolExecutor(1) as other:
        looking = other.submit(look_on)
        answer = lasting_api.post("/batches", content=body, headers=JSON)
        refused.set()
        looking.result()

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert max(waits_s) < WITHIN_S


def test_a_batch_is_read_until_there_are_faults_enough(lasting_api: httpx.Client) -> None:
    answer = lasting_api.post("/batches", json={"jobs": [{"prompt": "x", "a": 1}] * 1000})

    faults = answer.json()["errors"]
    assert [fault["pointer"] for fault in faults] == [f"/jobs/{number}/a" for number in range(100)]
    assert "more than 100 faults" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/jobs"]),
        ([], [""]),
        ({"jobs": {}}, ["/jobs"]),
        ({"jobs": [], "colour": 1}, ["/jobs", "/colour"]),
        ({"jobs": [7, {"prompt": "x"}, {"prompt": "", "sampling": {"top_p": 2}}]}, ["/jobs/0", "/jobs/2/prompt"]),
        ({"jobs": [{"prompt": "x", "webhook": {}}]}, ["/jobs/0/webhook/url"]),
    ],
)
def test_faults_of_a_batch_stand_where_they_are(lasting_api: httpx.Client, body: Any, pointers: list[str]) -> None:
    faults = lasting_api.post("/batches", json=body).json()["errors"]

    assert [fault["pointer"] for fault in faults][: len(pointers)] == pointers


def test_a_batch_of_everything_that_is_allowed_is_taken() -> None:
    job = {
        "prompt": "林" * 4000,
        "min_scenes": 3,
        "max_scenes": 8,
        "target_duration_s": 24,
        "language": "zh",
        "quality_keywords": "4k",
        "sampling": {"do_sample": True, "temperature": 0.5, "top_p": 0.9, "seed": 7, "max_new_tokens": 900},
        "priority": "low",
        "allow_fallback": True,
        "use_cache": False,
        "queue_timeout_s": 60,
        "execution_timeout_s": 60,
        "result_ttl_s": 60,
        "deadline": "2099-01-01T00:00:00Z",
        "webhook": {"url": "https://e.example/hook", "events": ["status", "scene", "done"]},
        "metadata": {f"key {number}": ["x", {}] for number in range(15)},
    }
    body = json.dumps({"jobs": [job] * 1000}, ensure_ascii=False).encode()

    batch = BatchRoute.value_of(body)

    assert [one.prompt for one in batch.jobs] == ["林" * 4000] * 1000
    assert len(body) < BatchRoute.limit_bytes
