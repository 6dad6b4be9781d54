"""The service under a path of a shared host: every URL in an answer leads back to it (fastapi/fastapi 1294, 1977)."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from scriptqueue.client import Client
from tests.integration.api.handworker import HandWorker

PREFIX = "/studio/sq"


@pytest.fixture
def host(api: httpx.Client) -> Iterator[httpx.Client]:
    """The shared host: the service is at `/studio/sq/`, and nothing else is there."""

    class Proxy(BaseHTTPRequestHandler):
        """What `location /studio/sq/ { proxy_pass http://api/; }` does, with Traefik's header."""

        def forward(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(404)
                return
            headers = {"X-Forwarded-Prefix": PREFIX, "Content-Type": self.headers.get("Content-Type") or ""}
            answer = api.request(self.command, self.path.removeprefix(PREFIX), content=content, headers=headers)
            self.send_response(answer.status_code)
            for name in {"content-type", "location"} & set(answer.headers):
                self.send_header(name, answer.headers[name])
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = forward

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False, timeout=30) as client:
        yield client
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_url_of_an_answer_leads_back(host: httpx.Client, worker: HandWorker) -> None:
    posted = host.post(f"{PREFIX}/jobs", json={"prompt": "a cat"})
    job = posted.json()
    batch = host.post(f"{PREFIX}/batches", json={"jobs": [{"prompt": "a dog"}]})
    worker.succeed(worker.claim(job["id"]))
    lost = host.get(f"{PREFIX}/jobs/nowhere").json()
    schema = host.get(f"{PREFIX}/schemas/storyboard.json").json()

    urls = [posted.headers["location"], batch.headers["location"], lost["type"], schema["$id"]]
    urls += [url for name, url in job["urls"].items() if name != "cancel"] + [batch.json()["urls"]["self"]]
    assert {url: host.get(url).status_code for url in urls} == dict.fromkeys(urls, 200)
    assert host.post(job["urls"]["cancel"]).status_code == 200
    done = host.get(job["urls"]["events"]).text
    assert done.count(f"{PREFIX}/jobs/{job['id']}") == len(job["urls"])


def test_the_page_and_the_description_find_their_files(host: httpx.Client) -> None:
    page, docs = host.get(f"{PREFIX}/"), host.get(f"{PREFIX}/docs")

    paths = re.findall(r'(?:src|href)="([^"#]+)"', page.text) + re.findall(r"(?:src|href)=\"(/[^\"]+)\"", docs.text)
    paths += re.findall(r"url: '([^']+)'", docs.text)
    assert len(paths) > 8
    base = httpx.URL(f"{host.base_url}{PREFIX}/")
    assert {path: host.get(base.join(path)).status_code for path in paths} == dict.fromkeys(paths, 200)
    assert host.get(f"{PREFIX}/openapi.json").json()["servers"] == [{"url": PREFIX}]


def test_without_its_last_slash_the_page_moves_there(host: httpx.Client, api: httpx.Client) -> None:
    assert api.get("/openapi.json").json().get("servers") is None
    moved = api.get(PREFIX, headers={"X-Forwarded-Prefix": PREFIX}, follow_redirects=False)

    assert (moved.status_code, moved.headers["location"]) == (308, f"{PREFIX}/")


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "https://evil.example", "/a//b", "/a b", '/"><script>', "/..%2f", "sq"]
)
def test_what_is_no_path_changes_nothing(api: httpx.Client, prefix: str) -> None:
    answer = api.post("/jobs", json={"prompt": "x"}, headers={"X-Forwarded-Prefix": prefix})

    assert answer.headers["location"] == f"/jobs/{answer.json()['id']}"


def test_the_client_goes_by_its_own_base(host: httpx.Client, worker: HandWorker) -> None:
    with Client(f"{str(host.base_url).rstrip('/')}{PREFIX}/") as client:
        job = client.submit("a cat")
        worker.succeed(worker.claim(str(job.id)))
        assert client.wait(job.id).status == "succeeded"
