"""The API's side of the job store and two workers, for tests that move jobs by hand. Each file says its `settings`."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis

from shared.settings import Settings
from shared.store.executions import Executions
from tests.integration.api.wire import Wire
from tests.integration.desk import Desk
from tests.integration.failing_over import Server, pair


@pytest.fixture
def records(redis_url: str) -> Iterator[redis.Redis]:
    """Redis itself, to look behind the store."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def desk(settings: Settings) -> Desk:
    return Desk(settings)


@pytest.fixture
def worker(settings: Settings) -> Executions:
    return Executions(settings, "worker-a")


@pytest.fixture
def rival(settings: Settings) -> Executions:
    return Executions(settings, "worker-b")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """A primary and its replica, as a test before may have left them."""
    with pair(tmp_path_factory.mktemp("pair")) as servers:
        yield servers


@pytest.fixture
def wire(redis_url: str) -> Iterator[Wire]:
    """A wire to the tests' Redis; serve an API over it with `redis={"url": f"redis://127.0.0.1:{wire.port}"}`."""
    address = urlsplit(redis_url)
    wire = Wire((address.hostname or "127.0.0.1", address.port or 6379))
    yield wire
    wire.close()
