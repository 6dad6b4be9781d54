"""Debian's Chromium for tests and benchmarks, the service behind the page, and pictures for people to look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from shared.settings import Settings
from tests.integration.api.serving import served
from tests.integration.worker import processes

SCREENSHOTS = Path(__file__).parents[2] / ".run" / "screenshots"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)

OpenPage = Callable[..., Page]


class NoChromium(Exception):
    """No `chromium` on the PATH (apt install chromium)."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Raises `NoChromium`; downloads nothing."""
    program = shutil.which("chromium")
    if program is None:
        raise NoChromium(NoChromium.__doc__)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS.split())
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def service(redis_url: str, folder: Path, *, with_worker: bool = True, **sections: Any) -> Iterator[httpx.Client]:
    """A client of an API and, behind it, a stub worker of two rows that is ready."""
    settings = Settings(**{"redis": {"url": redis_url}, "worker": {"lease_s": 2}, **sections})
    with ExitStack() as stack:
        url = stack.enter_context(served(settings))
        client = stack.enter_context(httpx.Client(base_url=url, timeout=70, trust_env=False))
        if with_worker:
            worker = processes.worker(redis_url, folder / "stub.log", model__name="stub", worker__max_batch=2)
            stack.callback(worker.close)
            processes.until(lambda: client.get("/readyz").status_code == 200, what="a worker is ready")
        yield client


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
