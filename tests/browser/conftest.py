"""One browser and one API with one stub worker a file, and pages that are watched."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import redis
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chromium import NoChromium, OpenPage, chromium, service

WAIT_MS = 90_000  # a machine may be loaded; a wait ends with what it waits for


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Missing: skipped at a desk, failed in CI. Ended with its file: while it lives, an event loop runs in this thread,
    and no later test could start one."""
    try:
        with chromium() as browser:
            expect.set_options(timeout=WAIT_MS)
            yield browser
    except NoChromium as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))


@pytest.fixture(scope="module")
def empty_redis(redis_server: str) -> str:
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="module")
def api(empty_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    secret = f"whsec_{base64.b64encode(bytes(24)).decode()}"
    with service(empty_redis, tmp_path_factory.mktemp("service"), webhooks={"secret": secret}) as client:
        yield client


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """`open_page(url, width=360, locale="zh-CN")`: a fresh profile with the page. At the end no request may have left
    the host, and the page may have met no fault of its own."""
    contexts: list[BrowserContext] = []
    urls: list[str] = []
    faults: list[str] = []

    def open_one(url: str, *, width: int = 1440, locale: str = "en-GB", **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale=locale, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.on("request", lambda request: urls.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert {urlsplit(url).hostname for url in urls if not url.startswith("blob:")} <= {"127.0.0.1"}
    assert faults == []
