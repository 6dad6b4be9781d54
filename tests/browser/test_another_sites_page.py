"""A real browser between two sites: what a stranger's page can do to the service, and what a studio's front end can."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from shared.settings import Settings
from tests.integration.api.serving import served

POST = """
async ([url, key]) => {
  const headers = {"Content-Type": "application/json", "Idempotency-Key": "one", ...key};
  try {
    const answer = await fetch(`${url}/jobs`, {method: "POST", headers, body: '{"prompt": "x"}'});
    const value = await answer.json();
    return [answer.status, value.code ?? value.status, Boolean(answer.headers.get("Location"))];
  } catch (error) {
    return error.name;
  }
}
"""
# No preflight is asked for these: a form's and a beacon's.
BLIND = """
async (url) => {
  await fetch(`${url}/jobs`, {method: "POST", mode: "no-cors", body: '{"prompt": "planted"}'}).catch(() => null);
  navigator.sendBeacon(`${url}/jobs`, new Blob(['{"prompt": "planted"}'], {type: "text/plain"}));
  const form = document.createElement("form");
  Object.assign(form, {method: "POST", action: `${url}/jobs`, enctype: "text/plain"});
  document.body.append(form);
  form.submit();
}
"""
READ = "(url) => fetch(`${url}/jobs`).then((answer) => answer.status).catch((error) => error.name)"
FOLLOW = """
([url, path]) => new Promise((resolve) => {
  const stream = new EventSource(url + path);
  stream.addEventListener("status", (event) => { stream.close(); resolve(JSON.parse(event.data).status); });
  stream.onerror = () => { stream.close(); resolve("error"); };
})
"""


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another site</title>")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def other_site() -> Iterator[str]:
    """Another port is another origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def page_of(context: BrowserContext, url: str) -> Any:
    page = context.new_page()
    page.goto(url)
    return page


def test_a_strangers_page_reads_nothing_and_posts_nothing(
    context: BrowserContext, empty_redis: str, other_site: str
) -> None:
    with served(Settings(redis={"url": empty_redis})) as url:
        page = page_of(context, other_site)
        before = httpx.get(f"{url}/jobs", trust_env=False).json()["jobs"]

        assert page.evaluate(POST, [url, {}]) == "TypeError"
        assert page.evaluate(READ, url) == "TypeError"
        page.evaluate(BLIND, url)
        page.wait_for_url(f"{url}/jobs")  # the form's: a problem, and no job
        assert httpx.get(f"{url}/jobs", trust_env=False).json()["jobs"] == before


def test_a_name_that_was_made_to_lead_here_reads_nothing(empty_redis: str, browser: Browser) -> None:
    """As after DNS rebinding: for the browser it is all one site."""
    with served(Settings(redis={"url": empty_redis})) as url:
        port = url.rpartition(":")[2]
        rebound = browser.browser_type.launch(
            executable_path=_program(),
            args=["--no-sandbox", "--host-resolver-rules=MAP evil.example 127.0.0.1", "--no-proxy-server"],
        )
        try:
            page = rebound.new_page()
            page.goto(f"http://evil.example:{port}/healthz")

            assert "host_refused" in page.content()
            assert page.evaluate(READ, "") == 403
            assert page.evaluate(POST, ["", {}])[:2] == [403, "host_refused"]
        finally:
            rebound.close()


def _program() -> str:
    import shutil

    return shutil.which("chromium") or ""


@pytest.mark.parametrize("keys", ["", "studio:right"])
def test_a_front_end_that_is_allowed_submits_reads_its_headers_and_follows(
    context: BrowserContext, empty_redis: str, other_site: str, keys: str
) -> None:
    settings = Settings(redis={"url": empty_redis}, api={"keys": keys, "cors_origins": other_site})
    key = {"Authorization": "Bearer right"} if keys else {}
    with served(settings) as url:
        page = page_of(context, other_site)

        if keys:
            assert page.evaluate(POST, [url, {}]) == [401, "unauthorized", False]  # an error can be read, too
        assert page.evaluate(POST, [url, key]) == [202, "queued", True]
        job = httpx.get(f"{url}/jobs", headers=key, trust_env=False).json()["jobs"][0]
        if not keys:  # an EventSource can send no key
            assert page.evaluate(FOLLOW, [url, job["urls"]["events"]]) == "queued"


def test_the_services_own_page_and_documentation_work_under_their_headers(
    context: BrowserContext, empty_redis: str
) -> None:
    faults: list[str] = []
    with served(Settings(redis={"url": empty_redis})) as url:
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(url)
        assert page.evaluate(POST, ["", {}]) == [202, "queued", True]

        page.goto(f"{url}/docs")
        page.locator("#operations-service-service_healthz .opblock-summary-control").first.click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()

        expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    assert faults == []
