"""An API on the tests' Redis, a worker moved by hand, and a wire to cut."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import redis

from shared.settings import Settings
from tests.integration.api.described import described_client
from tests.integration.api.handworker import HandWorker
from tests.integration.api.receiver import ALLOWED, Receiver
from tests.integration.api.serving import Serve


@pytest.fixture
def serve(make_settings: Any) -> Iterator[Serve]:
    """`serve(api={"keys": "a:1"})`: an HTTP client of an API with these settings."""
    with ExitStack() as stack:
        yield lambda **sections: stack.enter_context(described_client(make_settings(**sections)))


@pytest.fixture(scope="module")
def lasting_api(redis_server: str) -> Iterator[httpx.Client]:
    """One API with default settings for a whole file, for tests that leave nothing behind."""
    with described_client(Settings(redis={"url": redis_server})) as client:
        yield client


@pytest.fixture
def api(serve: Serve) -> httpx.Client:
    """An API with default settings."""
    return serve()


@pytest.fixture
def worker(make_settings: Any) -> Iterator[HandWorker]:
    worker = HandWorker(make_settings())
    yield worker
    worker.close()


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture(scope="module")
def webhook_api(redis_server: str) -> Iterator[httpx.Client]:
    """One API for a whole file that takes webhooks to loopback; use it with `redis_url`, which empties Redis."""
    with described_client(Settings(redis={"url": redis_server}, webhooks=ALLOWED)) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    """Threads for what must wait while the test goes on."""
    with ThreadPoolExecutor(8) as pool:
        yield pool
