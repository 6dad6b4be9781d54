"""HEAD, with which monitors and load balancers ask (fastapi/fastapi 1773): GET's answer without its body."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.wiring import create_app
from shared.settings import Settings
from tests.integration.api.handworker import HandWorker

DESCRIBED = [path for path, operations in create_app(Settings()).openapi()["paths"].items() if "get" in operations]
PATHS = [*DESCRIBED, "/", "/docs", "/openapi.json", "/page/{name}", "/page/settings.json"]
MAY_DIFFER = {"date", "etag", "content-length", "transfer-encoding"}  # by the moment, or by the lack of a body


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_a_body(api: httpx.Client, worker: HandWorker, path: str) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    batch_id = api.post("/batches", json={"jobs": [{"prompt": "y"}]}).json()["id"]
    worker.succeed(worker.claim(job_id))
    values: dict[str, Any] = {"job_id": job_id, "batch_id": batch_id, "code": "gone", "name": "app.js"}

    got, head = (api.request(method, path.format(**values)) for method in ("GET", "HEAD"))

    assert head.status_code == got.status_code
    assert head.content == b""
    assert _of(head) == _of(got)


def _of(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in MAY_DIFFER}


def test_head_of_a_stream_that_has_no_end_is_answered_at_once(api: httpx.Client) -> None:
    job_id = api.post("/jobs", json={"prompt": "waits"}).json()["id"]

    for _ in range(100):  # more than a client may hold open: each has left its place
        answer = api.head(f"/jobs/{job_id}/events")
        assert answer.status_code == 200

    assert answer.headers["content-type"].startswith("text/event-stream")


def test_what_knows_no_get_knows_no_head(api: httpx.Client) -> None:
    answer = api.head("/jobs/check/nothing/here")
    assert answer.status_code == 404

    refused = api.put("/jobs")

    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")
